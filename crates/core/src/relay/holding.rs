//! A call that is held until the upstream can take it, or until its client cancels it.

use std::{future, sync::Arc};

use futures_util::future::BoxFuture;

use super::{Reply, Shared, member::Member};
use crate::jsonrpc::{ErrorBody, Message};

/// A call's place among those that wait; released when dropped.
struct Place {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.lock().waiting.leave(self.number);
    }
}

impl Member {
    /// Holds a request until it can be sent, or until it is clear that it cannot, or its client
    /// cancels it.
    pub(super) fn hold(
        &self,
        reply: Reply,
        ready: impl Future<Output = Result<(), ErrorBody>> + Send + 'static,
        send: impl FnOnce(&Self, Reply) -> Option<BoxFuture<'static, ()>> + Send + 'static,
    ) -> BoxFuture<'static, ()> {
        let member = self.clone();
        let mut state = self.shared().lock();
        if !state.is_open(self.id()) {
            drop(state);
            reply.forget();
            return Box::pin(future::ready(()));
        }
        let (number, mut cancelled) = state.waiting.enter(self.id(), reply.id());
        drop(state);
        let place = Place { shared: Arc::clone(self.shared()), number };
        Box::pin(async move {
            let ready = tokio::select! {
                biased;
                _ = &mut cancelled => return reply.forget(),
                ready = ready => ready,
            };
            if let Err(error) = ready {
                return reply.error(&error);
            }
            let id = reply.raw_id();
            let sending = send(&member, reply);
            drop(place);
            // A cancellation that came at this moment finds the call running now, or waiting again.
            if cancelled.try_recv().is_ok() {
                member.cancel_call(id.as_bytes());
            }
            if let Some(sending) = sending {
                sending.await;
            }
        })
    }

    /// Cancels the call that its client knows by this id.
    fn cancel_call(&self, id: &[u8]) {
        let before =
            br#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"#;
        if let Ok(notification) = Message::parse([&before[..], id, b"}}"].concat().into()) {
            self.cancel(&notification);
        }
    }
}
