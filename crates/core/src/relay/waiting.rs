//! Calls that cannot be sent to the upstream yet. They can be cancelled meanwhile.

use std::{collections::HashMap, future, sync::Arc};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::{Reply, Shared, exchange::MemberId, member::Member};
use crate::jsonrpc::{ErrorBody, Message, Raw};

/// The calls that wait.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    next: u64,
    calls: HashMap<u64, Call>,
}

#[derive(Debug)]
struct Call {
    member: MemberId,
    id: Raw,
    cancelled: oneshot::Sender<()>,
}

impl Waiting {
    fn enter(&mut self, member: MemberId, id: &[u8]) -> (u64, oneshot::Receiver<()>) {
        let (cancelled, receiver) = oneshot::channel();
        let number = self.next;
        self.next += 1;
        self.calls.insert(number, Call { member, id: Raw::new(id), cancelled });
        (number, receiver)
    }

    /// How many calls wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// Ends the wait of this call; `false` if it does not wait.
    pub(super) fn cancel(&mut self, member: MemberId, id: &[u8]) -> bool {
        self.end(|call| call.member == member && call.id.as_bytes() == id)
    }

    /// Ends the wait of all calls of a disconnected client.
    pub(super) fn abandon(&mut self, member: MemberId) {
        self.end(|call| call.member == member);
    }

    fn end(&mut self, mut matching: impl FnMut(&Call) -> bool) -> bool {
        let ended = self.calls.extract_if(|_, call| matching(call));
        // If the call is dropped at this moment, nobody listens any more.
        ended.map(|(_, call)| call.cancelled.send(()).is_ok()).fold(false, |_, _| true)
    }
}

/// A call's place among those that wait; released when dropped.
struct Place {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.lock().waiting.calls.remove(&self.number);
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
