//! One open subscription of a modern client at a legacy server.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    era::modern_to_legacy::{Filter, SUBSCRIPTION_ID},
    jsonrpc::{Edit, Kind, Message, Raw, Span, escape},
    relay::{Connection, Outgoing, Reader, Reply, Sink, reply_to},
    runtime::seats::Seat,
};

/// See the module.
pub(super) struct Subscription {
    pub(super) id: Raw,
    pub(super) state: Mutex<State>,
    pub(super) _seat: Seat,
}

pub(super) struct State {
    pub(super) reply: Option<Reply>,
    pub(super) filter: Filter,
    pub(super) phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// This many resources are unanswered; one more until all were requested.
    Opening(usize),
    Open,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Subscription {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Subscribes to one resource; `place` is its index in the filter.
    pub(super) async fn want(
        self: &Arc<Self>,
        connection: &dyn Connection,
        place: usize,
        uri: String,
    ) {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":{place},"method":"resources/subscribe","params":{{"uri":{}}}}}"#,
            escape(&uri)
        );
        let Ok(message) = Message::parse(text.into()) else { return };
        let subscription = Arc::clone(self);
        let reply = reply_to(&message, move |answer| {
            subscription.answered(Some(&*uri).filter(|_| !answer.is_result()));
        });
        if let Some(sending) = connection.send(message, Some(reply), None) {
            sending.await;
        }
    }

    /// The server has answered for one resource, or has been asked for all; `refused` is one that
    /// it does not grant.
    pub(super) fn answered(&self, refused: Option<&str>) {
        let mut state = self.lock();
        let Phase::Opening(left) = state.phase else { return };
        if let Some(refused) = refused {
            state.filter.resource_subscriptions.retain(|uri| uri != refused);
        }
        if left > 1 {
            state.phase = Phase::Opening(left - 1);
            return;
        }
        state.phase = Phase::Open;
        let id = String::from_utf8_lossy(self.id.as_bytes());
        let text = state.filter.acknowledgement(&id);
        if let (Ok(message), Some(reply)) = (Message::parse(text.into()), &state.reply) {
            reply.related(&message, None);
        }
    }

    /// Ends it because the server ended.
    pub(super) fn end(&self) {
        let Some(reply) = self.lock().reply.take() else { return };
        let id = String::from_utf8_lossy(self.id.as_bytes());
        let result = format!(r#"{{"resultType":"complete","_meta":{{"{SUBSCRIPTION_ID}":{id}}}}}"#);
        reply.result(result.as_bytes());
    }

    pub(super) fn pass_on(&self, notification: &Message) {
        let state = self.lock();
        let (Some(reply), Phase::Open) = (&state.reply, state.phase) else { return };
        if !state.filter.admits(notification) {
            return;
        }
        let id = String::from_utf8_lossy(self.id.as_bytes());
        let member = format!(r#""{SUBSCRIPTION_ID}":{id}"#);
        let Some((at, text)) = notification.meta_insertion(&member) else { return };
        let edits = [Edit { span: Span::new(at, at), with: text.as_bytes() }];
        reply.related_as(notification, &edits);
    }
}

impl Sink for Subscription {
    fn write(&self, outgoing: Outgoing<'_>) {
        if let Some(message) = outgoing.message().filter(|it| it.kind() == Kind::Notification) {
            self.pass_on(&message);
        }
    }

    /// The server sends no more.
    fn forget(&self) {
        self.end();
    }

    fn reader(&self) -> Option<&dyn Reader> {
        Some(self)
    }
}

impl Reader for Subscription {
    fn is_heard(&self) -> bool {
        true
    }
}
