//! `subscriptions/listen` at a legacy server.
//!
//! The subscription is a legacy client that subscribes to the resources it wants and passes on what
//! its filter admits, each message with the subscription's id. It acknowledges once the server has
//! answered for every resource.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Legacy, Unsubscribed, lease::fail};
use crate::{
    era::modern_to_legacy::{Filter, SUBSCRIPTION_ID},
    jsonrpc::{Code, Edit, ErrorBody, Kind, Message, Raw, Span, escape},
    relay::{Connection, OpenError, Outgoing, Reader, Reply, Sink, reply_to},
    runtime::seats::Seat,
};

/// One open subscription.
pub(super) struct Subscription {
    id: Raw,
    state: Mutex<State>,
    _seat: Seat,
}

struct State {
    reply: Option<Reply>,
    filter: Filter,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// This many resources are unanswered; one more until all were requested.
    Opening(usize),
    Open,
}

/// A subscription and its connection to the server. Dropping this closes both: the client has
/// disconnected.
pub(super) struct Open {
    connection: Arc<dyn Connection>,
    subscription: Arc<Subscription>,
}

impl Drop for Open {
    fn drop(&mut self) {
        let reply = self.subscription.lock().reply.take();
        if let Some(reply) = reply {
            reply.forget();
        }
        self.connection.close();
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Opens the subscription for this request; answers it if it is refused.
pub(super) async fn open(server: Arc<dyn Legacy>, request: Message, reply: Reply) -> Option<Open> {
    let filter = match Filter::of(&request) {
        Ok(filter) => filter,
        Err(invalid) => {
            reply.error(&ErrorBody::new(Code::InvalidParams, invalid.to_string()));
            return None;
        }
    };
    let crossings = Arc::clone(server.crossings());
    let Some(seat) = crossings.seats.take(1) else {
        reply.error(&ErrorBody::new(Code::Internal, "Subscription limit reached"));
        return None;
    };
    let state = State { reply: None, filter: Filter::default(), phase: Phase::Opening(1) };
    let id = Raw::new(reply.id());
    let subscription = Arc::new(Subscription { id, state: Mutex::new(state), _seat: seat });
    let sink = Arc::<Subscription>::clone(&subscription);
    let (connection, greeting) = match server.subscribe(&request, sink).await {
        Ok(subscribed) => subscribed,
        Err(Unsubscribed::NotOpened(OpenError::Upstream(error))) => {
            reply.not_served(&error);
            return None;
        }
        Err(Unsubscribed::NotOpened(OpenError::Refused(_))) => return None,
        Err(Unsubscribed::NotGreeted(response)) => {
            fail(reply, response.as_ref());
            return None;
        }
    };
    let open = Open { connection, subscription };
    let Open { connection, subscription } = &open;
    let filter = filter.narrowed(&greeting);
    let uris = filter.resource_subscriptions.clone();
    *subscription.lock() =
        State { reply: Some(reply), filter, phase: Phase::Opening(uris.len() + 1) };
    for (place, uri) in uris.into_iter().enumerate() {
        subscription.want(&**connection, place, uri).await;
    }
    crossings.remember(subscription);
    subscription.answered(None);
    Some(open)
}

impl Subscription {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Subscribes to one resource; `place` is its index in the filter.
    async fn want(self: &Arc<Self>, connection: &dyn Connection, place: usize, uri: String) {
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
    fn answered(&self, refused: Option<&str>) {
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
