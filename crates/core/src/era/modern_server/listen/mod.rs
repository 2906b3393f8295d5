//! The single `subscriptions/listen` stream of a shared server, as a pure state machine.
//!
//! A 2026-07-28 server reports changes only to listeners. Handshake clients need not ask for that,
//! so the proxy listens for them: to every list whose changes the server announces, and to the
//! resources that somebody has subscribed to. Another set of resources needs another stream; the
//! earlier one ends when the new one is acknowledged, so that no change is missed or reported
//! twice. Time is passed in, as the duration since some moment.

mod retries;

use std::{collections::BTreeSet, mem, time::Duration};

use self::retries::Retries;
use crate::jsonrpc::escape;

/// The lists whose changes a server announces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) tools: bool,
    pub(crate) prompts: bool,
    pub(crate) resources: bool,
}

/// What the caller must do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Send the request with these params; its id is for [`Listen::opened`].
    Open(String),
    /// Cancel the request with this id.
    Close(u64),
    /// Answer this resource's waiting subscribe requests: it is done, or was refused.
    Settled { uri: String, accepted: bool },
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The server ended it on purpose.
    Graceful,
    /// The server refuses such requests.
    Refused,
    /// For another reason; worth another attempt.
    Broken,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Listen {
    lists: Filter,
    /// Whether any client is there to be told.
    audience: bool,
    wanted: BTreeSet<String>,
    /// Resources whose subscribe requests wait for an answer.
    pending: BTreeSet<String>,
    stream: Stream,
    retries: Retries,
}

#[derive(Debug, Default)]
enum Stream {
    #[default]
    Closed,
    /// Asked for; the id comes with [`Listen::opened`].
    Asked(Opening),
    Opening(u64, Opening),
    Open(Open),
    /// To be opened again at this time.
    Broken(Duration),
    /// Ended by the server on purpose; opened again when a client comes or asks for more.
    Ended,
    /// Refused by the server; requested again when a client asks for more.
    Refused,
}

#[derive(Debug)]
struct Opening {
    uris: BTreeSet<String>,
    former: Option<Open>,
}

#[derive(Debug)]
struct Open {
    id: u64,
    uris: BTreeSet<String>,
    since: Duration,
}

impl Listen {
    /// A server is there; it announces changes of these lists.
    pub(crate) fn connected(&mut self, lists: Filter, audience: bool) -> Vec<Effect> {
        self.lists = lists;
        self.audience |= audience;
        self.settle()
    }

    /// A client has come.
    pub(crate) fn attend(&mut self) -> Vec<Effect> {
        self.audience = true;
        if matches!(self.stream, Stream::Ended) {
            self.stream = Stream::Closed;
        }
        self.settle()
    }

    /// The server has ended, and every stream with it.
    pub(crate) fn lost(&mut self) {
        let Self { audience, .. } = *self;
        *self = Self { audience, ..Self::default() };
    }

    /// Updates of this resource are wanted.
    pub(crate) fn want(&mut self, uri: &str) -> Vec<Effect> {
        self.wanted.insert(uri.to_owned());
        self.change(uri)
    }

    /// Updates of this resource are no longer wanted.
    pub(crate) fn unwant(&mut self, uri: &str) -> Vec<Effect> {
        self.wanted.remove(uri);
        self.change(uri)
    }

    fn change(&mut self, uri: &str) -> Vec<Effect> {
        self.pending.insert(uri.to_owned());
        if matches!(self.stream, Stream::Ended | Stream::Refused | Stream::Broken(_)) {
            self.stream = Stream::Closed;
        }
        self.settle()
    }

    /// The request was sent with this id.
    pub(crate) fn opened(&mut self, id: u64) {
        self.stream = match mem::take(&mut self.stream) {
            Stream::Asked(opening) => Stream::Opening(id, opening),
            other => other,
        };
    }

    /// Whether this is the current stream: messages of an earlier one also come on the current one.
    pub(crate) fn is_current(&self, id: u64) -> bool {
        match &self.stream {
            Stream::Open(open) | Stream::Opening(_, Opening { former: Some(open), .. }) => {
                open.id == id
            }
            _ => false,
        }
    }

    /// The server has opened a stream that carries these resources.
    pub(crate) fn acknowledged(
        &mut self,
        id: u64,
        honoured: &[String],
        now: Duration,
    ) -> Vec<Effect> {
        let Opening { mut uris, former } = match mem::take(&mut self.stream) {
            Stream::Opening(opening, asked) if opening == id => asked,
            other => {
                self.stream = other;
                return Vec::new();
            }
        };
        let mut effects: Vec<Effect> =
            former.into_iter().map(|former| Effect::Close(former.id)).collect();
        let refused: Vec<String> =
            uris.iter().filter(|uri| !honoured.contains(*uri)).cloned().collect();
        for uri in refused {
            uris.remove(&uri);
            if self.wanted.remove(&uri) {
                self.pending.remove(&uri);
                effects.push(Effect::Settled { uri, accepted: false });
            }
        }
        self.stream = Stream::Open(Open { id, uris, since: now });
        effects.extend(self.settle());
        effects
    }

    /// A stream has ended, or could not be opened.
    pub(crate) fn ended(&mut self, id: u64, how: Ending, now: Duration) -> Vec<Effect> {
        let former = match mem::take(&mut self.stream) {
            Stream::Opening(opening, Opening { former, .. }) if opening == id => former,
            Stream::Opening(opening, Opening { former: Some(open), uris }) if open.id == id => {
                self.stream = Stream::Opening(opening, Opening { former: None, uris });
                return Vec::new();
            }
            Stream::Open(open) if open.id == id => {
                let lived = now.saturating_sub(open.since);
                self.stream = self.after(how, lived, now);
                return Vec::new();
            }
            other => {
                self.stream = other;
                return Vec::new();
            }
        };
        let effects = self.refuse_pending();
        self.stream = match former {
            // The earlier stream continues; updates of unwanted resources are not passed on.
            Some(open) => Stream::Open(Open { uris: self.wanted.clone(), ..open }),
            None => self.after(how, Duration::ZERO, now),
        };
        effects
    }

    /// Refuses the waiting subscribe requests of the latest attempt.
    fn refuse_pending(&mut self) -> Vec<Effect> {
        let pending = mem::take(&mut self.pending);
        let settled = pending.into_iter().map(|uri| {
            let accepted = !self.wanted.remove(&uri);
            Effect::Settled { uri, accepted }
        });
        settled.collect()
    }

    fn after(&mut self, how: Ending, lived: Duration, now: Duration) -> Stream {
        match how {
            Ending::Graceful => Stream::Ended,
            Ending::Refused => Stream::Refused,
            Ending::Broken => Stream::Broken(now + self.retries.failed(lived, now)),
        }
    }

    /// When [`Self::retry`] should be called.
    pub(crate) fn due(&self) -> Option<Duration> {
        match self.stream {
            Stream::Broken(due) => Some(due),
            _ => None,
        }
    }

    /// Opens a broken stream again if it is time.
    pub(crate) fn retry(&mut self, now: Duration) -> Vec<Effect> {
        if self.due().is_none_or(|due| due > now) {
            return Vec::new();
        }
        self.stream = Stream::Closed;
        self.settle()
    }

    /// Opens a stream if none carries what is wanted.
    fn settle(&mut self) -> Vec<Effect> {
        let former = match mem::take(&mut self.stream) {
            Stream::Closed => None,
            Stream::Open(open) if open.uris == self.wanted => {
                self.stream = Stream::Open(open);
                return self.accept_pending();
            }
            Stream::Open(open) => Some(open),
            busy => {
                self.stream = busy;
                return Vec::new();
            }
        };
        if former.is_none() && self.wanted.is_empty() && !self.has_lists() {
            return self.accept_pending();
        }
        let uris = self.wanted.clone();
        let params = self.params();
        self.stream = Stream::Asked(Opening { uris, former });
        vec![Effect::Open(params)]
    }

    fn accept_pending(&mut self) -> Vec<Effect> {
        let pending = mem::take(&mut self.pending).into_iter();
        pending.map(|uri| Effect::Settled { uri, accepted: true }).collect()
    }

    fn has_lists(&self) -> bool {
        self.audience && self.lists != Filter::default()
    }

    /// The members of the request's params.
    fn params(&self) -> String {
        let Filter { tools, prompts, resources } =
            if self.audience { self.lists } else { Filter::default() };
        let lists = [
            (tools, "toolsListChanged"),
            (prompts, "promptsListChanged"),
            (resources, "resourcesListChanged"),
        ];
        let mut members: Vec<String> = lists
            .into_iter()
            .filter(|(wanted, _)| *wanted)
            .map(|(_, name)| format!("\"{name}\":true"))
            .collect();
        if !self.wanted.is_empty() {
            let uris: Vec<String> = self.wanted.iter().map(|uri| escape(uri)).collect();
            members.push(format!("\"resourceSubscriptions\":[{}]", uris.join(",")));
        }
        format!("\"notifications\":{{{}}}", members.join(","))
    }
}

#[cfg(test)]
mod tests;
