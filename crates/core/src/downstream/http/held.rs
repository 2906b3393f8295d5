//! Messages that the server cannot take yet, because it is busy or being restarted.
//!
//! A call whose answer its client can fetch elsewhere outlives the connection it came on, as one
//! that was sent already does. What waits without a connection is bounded.

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
    /// Adds a message of this many bytes, if it has to wait.
    pub(super) fn add(&mut self, bytes: usize, sending: Option<BoxFuture<'static, ()>>) {
        if let Some(sending) = sending {
            self.sending.push(sending);
            self.bytes += bytes;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sending.is_empty()
    }

    /// Waits until everything is sent. What has to wait waits together: a batch takes no longer
    /// than one of its messages.
    pub(super) async fn sent(self) {
        join_all(self.sending).await;
    }
}

impl Mount {
    /// Sends the messages whether or not their connection lasts; the task that does so, unless it
    /// was done at once because too many bytes wait like this.
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
