//! Messages from a 2026-07-28 server.

use std::time::Duration;

use tokio::time::Instant;

use super::{asking::fail, bridge::Paused, listening::ending};
use crate::{
    era::{
        metadata::SUBSCRIPTION_ID,
        modern_server::{Call, Step, task_created},
    },
    jsonrpc::{Cuts, Edit, Kind, Message, Span, find_member, members, own_number},
    protocol::Notification,
    relay::{
        Reply, Shared,
        exchange::{Leg, MemberId},
        locked::Locked,
        owed::Owed,
    },
};

impl Shared {
    /// The answer to a call of a handshake client.
    pub(in crate::relay) fn bridged(
        &self,
        member: MemberId,
        reply: Reply,
        call: Call,
        response: &Message,
    ) {
        if response.kind() == Kind::Error {
            if call.needs_task(response) {
                return self.offer_task(member, reply, call);
            }
            return match call.refused(response) {
                Some(failure) => fail(reply, failure),
                None => reply.response(response),
            };
        }
        let task = call.task().map(str::to_owned);
        match call.answered(response, || self.next_question()) {
            Step::Complete(rewrite) => {
                if !rewrite.wrapped_tools.is_empty() {
                    let names = rewrite.wrapped_tools.iter().cloned();
                    self.lock().bridge.wrapped_tools.extend(names);
                }
                reply.rewritten(response, rewrite.edits());
            }
            Step::Ask(round, questions) => self.ask(member, reply, round, &questions),
            Step::Again(call, pause) => self.pause(member, reply, call, pause),
            Step::Ended(call, answer) => self.bridged(member, reply, *call, &answer),
            Step::Fail(failure) => {
                if let Some(task) = task.or_else(|| task_created(response)) {
                    self.lock().end_task(&task);
                }
                fail(reply, failure);
            }
        }
    }

    /// Sends a call again that the server runs only as a task; it has not run yet.
    fn offer_task(&self, member: MemberId, reply: Reply, call: Call) {
        if let Some(tool) = call.tool() {
            self.lock().bridge.learn_task_tool(tool);
        }
        self.pause(member, reply, Box::new(call.offering_task()), Duration::ZERO);
    }

    fn pause(&self, member: MemberId, reply: Reply, call: Box<Call>, pause: Duration) {
        let due = Instant::now() + pause;
        let mut state = self.lock();
        if !state.is_open(member) {
            if let Some(task) = call.task() {
                state.end_task(task);
            }
            drop(state);
            return reply.forget();
        }
        state.bridge.paused.push(Paused { member, reply, call, due });
        drop(state);
        self.due.notify_one();
    }

    /// The answer to the proxy's own request for a stream: the stream has ended.
    pub(in crate::relay) fn stream_answered(
        &self,
        mut state: Locked<'_>,
        id: u64,
        response: &Message,
    ) {
        state.unheard(id, ending(response));
        self.watch(&mut state);
        drop(state);
        self.due.notify_one();
    }

    /// A notification other than a call's progress.
    pub(in crate::relay) fn receive_modern(
        &self,
        mut state: Locked<'_>,
        notification: &Message,
        on: Option<u64>,
    ) {
        match Notification::of_bytes(&notification.method_bytes()) {
            Notification::Message => {
                let sink = state.logged_for(notification);
                state.tell(sink.into_iter().collect(), notification, Vec::new());
            }
            Notification::Cancelled => state.cancelled_by_server(notification),
            kind => {
                let Some((stream, id)) = subscription(notification) else {
                    let audience = state.audience(kind, notification);
                    return state.tell(audience, notification, Vec::new());
                };
                // The stream on which it came is more reliable than the name in it.
                let Some(id) = on.filter(|id| state.is_listening(*id)).or(id) else { return };
                if kind == Notification::Acknowledged {
                    state.acknowledged(id, notification);
                    self.watch(&mut state);
                }
                if let Some(reply) = state.exchanges.touch(id) {
                    // A client's own stream; the client knows it by its own id.
                    let about = reply.about(notification, stream);
                    if let Some(about) = about {
                        state.owe(Owed::About(about));
                    }
                } else if kind != Notification::Acknowledged && state.bridge.listen.is_current(id) {
                    let audience = state.audience(kind, notification);
                    state.tell(audience, notification, untagged(notification));
                }
            }
        }
    }
}

/// Where a notification names its stream, and the stream's number if it is one of ours.
pub(super) fn subscription(notification: &Message) -> Option<(Span, Option<u64>)> {
    let span = find_member(notification.bytes(), notification.meta()?, SUBSCRIPTION_ID)?;
    let id = own_number(notification.text(span));
    Some((span, id))
}

/// The edit that removes the name of the stream from a notification; metadata without other members
/// is removed as a whole.
pub(crate) fn untagged(notification: &Message) -> Vec<Edit<'static>> {
    let (bytes, mut edits) = (notification.bytes(), Vec::new());
    let (Some(params), Some(meta)) = (notification.params(), notification.meta()) else {
        return edits;
    };
    let whole = members(bytes, meta).all(|key| key.is(SUBSCRIPTION_ID));
    let (object, name) = if whole { (params, "_meta") } else { (meta, SUBSCRIPTION_ID) };
    let mut cuts = Cuts::default();
    for entry in members(bytes, object) {
        if entry.is(name) {
            cuts.goes(entry.whole());
        } else {
            cuts.stays(entry.whole(), &mut edits);
        }
    }
    cuts.end(&mut edits);
    edits
}

impl Leg {
    /// Passes on the answer to a client's call.
    pub(in crate::relay) fn answer(
        self,
        shared: &Shared,
        member: MemberId,
        reply: Reply,
        response: &Message,
    ) {
        match self {
            Self::Plain | Self::Task => reply.response(response),
            Self::Tools(principal) => {
                shared.crossings().learn(&principal, response);
                reply.response(response);
            }
            Self::Bridged(call) => shared.bridged(member, reply, *call, response),
            Self::Listening => {
                let named = response
                    .result()
                    .and_then(|result| find_member(response.bytes(), result, "_meta"))
                    .and_then(|meta| find_member(response.bytes(), meta, SUBSCRIPTION_ID));
                let own = reply.raw_id();
                let named = named.map(|span| Edit { span, with: own.as_bytes() });
                reply.rewritten(response, named.into_iter().collect());
            }
        }
    }
}
