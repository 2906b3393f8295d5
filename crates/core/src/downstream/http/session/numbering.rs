//! A stream's place in the event store of its session.

use std::sync::{Arc, PoisonError};

use super::event_store::EventStore;
use crate::{
    codec::event_stream::EventId,
    jsonrpc::{Frame, Pieces},
    runtime::lock::{Mutex, MutexGuard},
};

/// Number of the stream that a GET opens.
pub(crate) const STANDALONE: u64 = 0;
/// The number of the stream that answers `initialize`.
pub(super) const FIRST: u64 = STANDALONE + 1;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Numbering {
    pub(super) stream: u64,
    store: Arc<Mutex<EventStore>>,
}

impl Numbering {
    pub(super) fn new(stream: u64, store: &Arc<Mutex<EventStore>>) -> Self {
        Self { stream, store: Arc::clone(store) }
    }

    pub(super) fn append(&self, build: impl FnOnce(EventId) -> Frame, send: impl FnOnce(&Frame)) {
        self.lock().append(self.stream, build, send);
    }

    /// Queues what came after `last`; `false` if that event is not kept.
    pub(super) fn replay(&self, last: EventId, queue: &mut Pieces) -> bool {
        let store = self.lock();
        let Some(missed) = store.after(last) else { return false };
        for frame in missed {
            queue.push_frame(frame);
        }
        true
    }

    /// Queues the newest stored events with at least this many bytes.
    pub(super) fn replay_newest(&self, bytes: usize, queue: &mut Pieces) {
        for frame in self.lock().newest(self.stream, bytes) {
            queue.push_frame(frame);
        }
    }

    fn lock(&self) -> MutexGuard<'_, EventStore> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
