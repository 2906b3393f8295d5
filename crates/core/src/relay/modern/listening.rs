//! The stream on which the server reports changes.

use std::time::Duration;

use super::{super::state::State, LISTEN};
use crate::{
    era::modern_server::{Ending, Filter, ListenEffect},
    jsonrpc::{Code, ErrorBody, Message, decode_string, elements, find_member, own_number},
    protocol::List,
    relay::{
        InitializeResult, Reply,
        exchange::{Leg, Purpose},
        owed::Owed,
        subscription::Effect,
    },
};

impl State {
    /// Listens to a server that has just started.
    pub(in crate::relay) fn listen_to(&mut self, server: &InitializeResult) {
        let lists = Filter {
            tools: server.notifies_of(List::Tools),
            prompts: server.notifies_of(List::Prompts),
            resources: server.notifies_of(List::Resources),
        };
        let audience = self.members.values().any(|member| member.unsolicited.is_some());
        let effects = self.bridge.listen.connected(lists, audience);
        self.listen(effects);
    }

    /// A client that wants changes has come.
    pub(in crate::relay) fn attend(&mut self) {
        let effects = self.bridge.listen.attend();
        self.listen(effects);
    }

    /// Carries out what a subscription requires.
    pub(in crate::relay) fn carry(&mut self, effect: Effect<Reply>, uri: &str) {
        let effects = match effect {
            Effect::Subscribe => self.bridge.listen.want(uri),
            Effect::Unsubscribe => self.bridge.listen.unwant(uri),
            Effect::Fulfilled(reply) => return self.owe(Owed::Done(reply)),
        };
        self.listen(effects);
    }

    pub(super) fn listen(&mut self, effects: Vec<ListenEffect>) {
        for effect in effects {
            match effect {
                ListenEffect::Open(params) => {
                    let id = self.exchanges.next_id();
                    self.request(LISTEN, &params, Purpose::Listen);
                    self.bridge.listen.opened(id);
                }
                ListenEffect::Close(id) => {
                    self.exchanges.remove(id);
                    self.cancel(id, "another stream has taken its place");
                }
                ListenEffect::Settled { uri, accepted } => self.settled(&uri, accepted),
            }
        }
    }

    fn settled(&mut self, uri: &str, accepted: bool) {
        for reply in self.answered(uri.to_owned(), accepted) {
            self.owe(if accepted {
                Owed::Done(reply)
            } else {
                Owed::Error(reply, unreported(uri))
            });
        }
    }

    /// The server acknowledges which notifications a stream will carry.
    pub(super) fn acknowledged(&mut self, id: u64, notification: &Message) {
        self.exchanges.unwatch(id);
        if !self.exchanges.is(id, |purpose| matches!(purpose, Purpose::Listen)) {
            return;
        }
        let bytes = notification.bytes();
        let uris = notification
            .params()
            .and_then(|params| find_member(bytes, params, "notifications"))
            .and_then(|honoured| find_member(bytes, honoured, "resourceSubscriptions"));
        let uris: Vec<String> = uris
            .into_iter()
            .flat_map(|list| elements(bytes, list))
            .filter_map(|uri| decode_string(notification.text(uri)))
            .collect();
        let now = self.bridge.now();
        let effects = self.bridge.listen.acknowledged(id, &uris, now);
        self.listen(effects);
    }

    /// One of the proxy's streams has ended, or could not be opened.
    pub(in crate::relay) fn unheard(&mut self, id: u64, how: Ending) {
        let now = self.bridge.now();
        let effects = self.bridge.listen.ended(id, how, now);
        tell_end(how, self.bridge.listen.due().map(|due| due.saturating_sub(now)));
        self.listen(effects);
    }

    /// Whether this request opens a stream of changes.
    pub(super) fn is_listening(&self, id: u64) -> bool {
        self.exchanges.is(id, |purpose| {
            matches!(purpose, Purpose::Listen | Purpose::Call { leg: Leg::Listening, .. })
        })
    }

    /// A stream that the server cancels: if it is a client's, the client gets the end that it
    /// expects.
    pub(super) fn cancelled_by_server(&mut self, notification: &Message) {
        let id = notification.cancelled_id().map(|span| notification.text(span));
        let id = id.and_then(own_number);
        let Some(id) = id else { return };
        if !self.is_listening(id) {
            return;
        }
        match self.exchanges.remove(id).map(|exchange| exchange.purpose) {
            Some(Purpose::Call { member, reply, .. }) => {
                self.ended(member);
                self.owe(Owed::StreamEnded(reply));
            }
            _ => self.unheard(id, Ending::Graceful),
        }
    }
}

/// The error for a resource that a stream does not carry.
pub(crate) fn unreported(uri: &str) -> ErrorBody {
    let message = format!("the MCP server does not report updates of {uri}");
    ErrorBody::new(Code::InvalidParams, message)
}

/// Logs the end of a stream, which is reopened after this pause.
pub(crate) fn tell_end(how: Ending, pause: Option<Duration>) {
    match (how, pause) {
        (Ending::Broken, Some(pause)) => tracing::warn!(
            "the MCP server's {LISTEN} stream broke; it is opened again in {} ms",
            pause.as_millis()
        ),
        (Ending::Broken, None) => tracing::warn!("another {LISTEN} stream could not be opened"),
        (Ending::Graceful, _) => tracing::warn!(
            "the MCP server ended its {LISTEN} stream; clients are not told of changes until \
             another one comes or one of them subscribes to a resource"
        ),
        (Ending::Refused, _) => tracing::warn!("the MCP server refuses {LISTEN}"),
    }
}

/// How a stream ended, from the answer to its request.
pub(super) fn ending(response: &Message) -> Ending {
    let Some(error) = response.error() else { return Ending::Graceful };
    let code = find_member(response.bytes(), error, "code").map(|code| response.text(code));
    let code = code.and_then(|code| std::str::from_utf8(code).ok()?.parse().ok());
    failure(code)
}

/// How a stream failed, from the error to its request.
pub(crate) fn failure(code: Option<i32>) -> Ending {
    let refusals = [Code::MethodNotFound, Code::InvalidParams];
    let refused = code.is_some_and(|code| refusals.iter().any(|is| is.number() == code));
    if refused { Ending::Refused } else { Ending::Broken }
}
