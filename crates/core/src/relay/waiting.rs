//! Calls that cannot be handed to the upstream yet, and can be cancelled all the same.

use std::{collections::HashMap, sync::Arc};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::{Reply, Shared, exchange::MemberId, member::Member};
use crate::jsonrpc::{ErrorBody, Raw};

/// Which calls wait.
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

    /// Ends the wait of this call, if it waits.
    pub(super) fn cancel(&mut self, member: MemberId, id: &[u8]) {
        self.end(|call| call.member == member && call.id.as_bytes() == id);
    }

    /// Ends the wait of all calls of a client that has gone.
    pub(super) fn abandon(&mut self, member: MemberId) {
        self.end(|call| call.member == member);
    }

    fn end(&mut self, mut matching: impl FnMut(&Call) -> bool) {
        for (_, call) in self.calls.extract_if(|_, call| matching(call)) {
            if call.cancelled.send(()).is_err() {
                tracing::trace!("a call was cancelled that has just stopped waiting");
            }
        }
    }
}

/// A call's place among those that wait, given up when dropped.
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
    /// Holds a request until it can be sent, or until it is clear that it cannot, unless its
    /// client cancels it.
    pub(super) fn hold(
        &self,
        reply: Reply,
        ready: impl Future<Output = Result<(), ErrorBody>> + Send + 'static,
        send: impl FnOnce(&Self, Reply) -> Option<BoxFuture<'static, ()>> + Send + 'static,
    ) -> BoxFuture<'static, ()> {
        let member = self.clone();
        let (number, cancelled) = self.shared().lock().waiting.enter(self.id(), reply.id());
        let place = Place { shared: Arc::clone(self.shared()), number };
        Box::pin(async move {
            let ready = tokio::select! {
                biased;
                _ = cancelled => return reply.forget(),
                ready = ready => ready,
            };
            drop(place);
            match ready {
                Ok(()) => {
                    if let Some(sending) = send(&member, reply) {
                        sending.await;
                    }
                }
                Err(error) => reply.error(&error),
            }
        })
    }
}
