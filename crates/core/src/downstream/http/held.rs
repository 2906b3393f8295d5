//! Messages that the server cannot take yet, because it is busy or restarting.
//!
//! A call whose answer the client can fetch later outlives its connection, like a call that was
//! already sent. The bytes that wait without a connection are limited.

use std::sync::Arc;

use futures_util::future::{BoxFuture, join_all};
use tokio::task::JoinHandle;

use super::mount::Mount;
use crate::runtime::task;

/// See the module.
#[derive(Default)]
pub(super) struct Held {
    sending: Vec<BoxFuture<'static, ()>>,
    bytes: usize,
}

impl Held {
    /// Adds a message of this many bytes; waits if it must.
    pub(super) fn add(&mut self, bytes: usize, sending: Option<BoxFuture<'static, ()>>) {
        if let Some(sending) = sending {
            self.sending.push(sending);
            self.bytes += bytes;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sending.is_empty()
    }

    /// Waits until everything is sent. Waiting messages wait together: a batch takes no longer than
    /// one of its messages.
    pub(super) async fn sent(self) {
        join_all(self.sending).await;
    }
}

impl Mount {
    /// Sends the messages even if their connection ends. Returns the task that does so, or `None`
    /// if it was done at once because too many bytes wait already.
    pub(super) async fn keep(self: &Arc<Self>, held: Held) -> Option<JoinHandle<()>> {
        let Some(room) = self.common.kept.take(held.bytes) else {
            held.sent().await;
            return None;
        };
        let mount = Arc::clone(self);
        Some(task::spawn(async move {
            held.sent().await;
            drop((room, mount));
        }))
    }
}
