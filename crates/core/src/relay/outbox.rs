//! Messages waiting to be written to an upstream.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::jsonrpc::{Assembly, Pieces};

/// Bytes queued for an upstream before senders have to wait. One message of any size is always
/// accepted.
const MAX_QUEUED_BYTES: usize = 4 * 1024 * 1024;

/// A bounded queue with one consumer, the upstream's writer.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    filled: Notify,
    drained: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    pieces: Pieces,
    waiting: bool,
    closed: bool,
}

/// Outcome of [`Outbox::push`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    Queued,
    Full,
    Closed,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a message unless the upstream is too far behind.
    pub(crate) fn push(&self, assembly: &Assembly<'_>) -> Pushed {
        let mut queue = self.lock();
        if queue.closed {
            return Pushed::Closed;
        }
        if queue.pieces.len() > MAX_QUEUED_BYTES {
            queue.waiting = true;
            return Pushed::Full;
        }
        self.append(queue, assembly);
        Pushed::Queued
    }

    /// Queues a message however far behind the upstream is: for the few that the proxy itself
    /// sends, each of which answers or ends something that was bounded before.
    pub(crate) fn push_anyway(&self, assembly: &Assembly<'_>) {
        let queue = self.lock();
        if !queue.closed {
            self.append(queue, assembly);
        }
    }

    fn append(&self, mut queue: MutexGuard<'_, Queue>, assembly: &Assembly<'_>) {
        let was_empty = queue.pieces.is_empty();
        queue.pieces.push(assembly);
        drop(queue);
        if was_empty {
            self.filled.notify_one();
        }
    }

    /// Waits until there may be room again.
    pub(crate) async fn room(&self) {
        let drained = self.drained.notified();
        tokio::pin!(drained);
        drained.as_mut().enable();
        if self.is_full() {
            drained.await;
        }
    }

    fn is_full(&self) -> bool {
        let queue = self.lock();
        !queue.closed && queue.pieces.len() > MAX_QUEUED_BYTES
    }

    /// Everything queued, once there is something; `None` when the queue is closed.
    pub(crate) async fn next(&self) -> Option<Vec<Bytes>> {
        loop {
            let (batch, closed) = self.take();
            if !batch.is_empty() {
                return Some(batch);
            }
            if closed {
                return None;
            }
            self.filled.notified().await;
        }
    }

    fn take(&self) -> (Vec<Bytes>, bool) {
        let mut queue = self.lock();
        let batch = queue.pieces.drain();
        if std::mem::take(&mut queue.waiting) {
            self.drained.notify_waiters();
        }
        (batch, queue.closed)
    }

    /// Refuses further messages; what is queued is still handed out.
    pub(crate) fn close(&self) {
        let mut queue = self.lock();
        queue.closed = true;
        drop(queue);
        self.filled.notify_one();
        self.drained.notify_waiters();
    }
}
