//! `subscriptions/listen` at a legacy server.
//!
//! The subscription is a legacy client that subscribes to the resources it wants and passes on what
//! its filter admits, each message with the subscription's id. It acknowledges once the server has
//! answered for every resource.

use std::sync::{Arc, Mutex};

use super::{
    lease::fail,
    legacy::{Legacy, Unsubscribed},
    subscription::{Phase, State, Subscription},
};
use crate::{
    era::modern_to_legacy::Filter,
    jsonrpc::{Code, ErrorBody, Message, Raw},
    relay::{Connection, OpenError, Reply},
};

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
