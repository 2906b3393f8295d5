//! Messages that wait to be written to an upstream.

use std::sync::PoisonError;

use bytes::Bytes;
use tokio::sync::Notify;

use crate::{
    jsonrpc::{Assembly, Pieces},
    runtime::lock::{Mutex, MutexGuard},
};

/// If more bytes are queued for an upstream, senders must wait. One message of any size is always
/// accepted.
const MAX_QUEUED_BYTES: usize = 4 * 1024 * 1024;

/// A bounded queue with one consumer: the upstream's writer.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    filled: Notify,
    drained: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    pieces: Pieces,
    /// Whether a sender waits for room.
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
        let queue = self.lock();
        if queue.closed {
            return Pushed::Closed;
        }
        if queue.pieces.len() > MAX_QUEUED_BYTES {
            return Pushed::Full;
        }
        self.append(queue, assembly);
        Pushed::Queued
    }

    /// Queues one of the proxy's own messages, which cannot wait. Only an upstream that sends
    /// requests without reading the answers can fill the queue with them; then it gets no more.
    pub(crate) fn push_anyway(&self, assembly: &Assembly<'_>) {
        let queue = self.lock();
        if queue.pieces.len() > 2 * MAX_QUEUED_BYTES {
            tracing::warn!("the server does not read what it is sent; a message to it is dropped");
        } else if !queue.closed {
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
        if self.wants_room() {
            drained.await;
        }
    }

    /// Bytes queued.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.lock().pieces.len()
    }

    /// Whether a sender must wait; if so, it will be notified of room.
    fn wants_room(&self) -> bool {
        let mut queue = self.lock();
        let full = !queue.closed && queue.pieces.len() > MAX_QUEUED_BYTES;
        queue.waiting |= full;
        full
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Everything queued, as soon as there is something; `None` once the queue is closed.
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

    /// Refuses further messages; queued ones are still returned.
    pub(crate) fn close(&self) {
        let mut queue = self.lock();
        queue.closed = true;
        drop(queue);
        self.filled.notify_one();
        self.drained.notify_waiters();
    }
}
