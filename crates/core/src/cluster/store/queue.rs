//! The queue of writes: bounded in entries and in bytes.

use std::{
    convert::Infallible,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use uuid::Uuid;

use super::log::Entry;
use crate::runtime::lock::Mutex;

/// Most entries that may wait.
const MAX_WAITING: usize = 16 * 1024;
/// Most bytes that may wait.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// An element of the queue.
#[derive(Debug)]
pub(super) enum Waiting {
    Entry(Entry),
    /// Waits for everything that was queued before. Dropping it wakes the waiting end.
    Somebody(
        #[expect(dead_code, reason = "it is there to be dropped")] oneshot::Sender<Infallible>,
    ),
    /// Sessions have sent events.
    Marked,
}

impl Waiting {
    /// Whether it is a session's founding.
    pub(super) fn founds(&self) -> bool {
        matches!(self, Self::Entry(entry) if entry.founding.is_some())
    }

    /// Whether a client waits for it.
    pub(super) fn is_urgent(&self) -> bool {
        self.founds() || matches!(self, Self::Somebody(_))
    }
}

/// The queue of entries. If there is no room, an entry is not written. Events do not need any: of a
/// session that has sent some there is one entry, however many they are.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    sender: mpsc::Sender<Waiting>,
    /// An entry for each session with events that were not read yet.
    marked: Arc<Mutex<Vec<Entry>>>,
    bytes: Arc<AtomicUsize>,
    /// Since when the oldest entry waits.
    since: Arc<Mutex<Option<Instant>>>,
    closed: Arc<AtomicBool>,
}

/// The receiving end of the queue.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) receiver: mpsc::Receiver<Waiting>,
    marked: Arc<Mutex<Vec<Entry>>>,
    pub(super) bytes: Arc<AtomicUsize>,
    pub(super) since: Arc<Mutex<Option<Instant>>>,
}

pub(super) fn queue() -> (Queue, Written) {
    let (sender, receiver) = mpsc::channel(MAX_WAITING);
    let bytes = Arc::<AtomicUsize>::default();
    let (marked, since) = (Arc::default(), Arc::default());
    let queue = Queue {
        sender,
        marked: Arc::clone(&marked),
        bytes: Arc::clone(&bytes),
        since: Arc::clone(&since),
        closed: Arc::default(),
    };
    (queue, Written { receiver, marked, bytes, since })
}

impl Written {
    /// The entries of sessions that have sent events. If they are taken after entries of the queue,
    /// everything that was sent before those is among them.
    pub(super) fn take_marked(&self) -> Vec<Entry> {
        std::mem::take(&mut *self.marked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Queue {
    /// Whether there was room.
    pub(super) fn push(&self, entry: Entry) -> bool {
        let length = entry.len();
        let before = self.bytes.fetch_add(length, Ordering::Relaxed);
        let is_room = before + length <= MAX_BYTES && !self.closed.load(Ordering::Relaxed);
        if is_room && self.sender.try_send(Waiting::Entry(entry)).is_ok() {
            self.begin(before);
            return true;
        }
        self.bytes.fetch_sub(length, Ordering::Relaxed);
        false
    }

    /// Queues the entry of a session that has sent events; `false` if the queue is closed. There is
    /// always room for it.
    pub(super) fn mark(&self, entry: Entry) -> bool {
        if self.closed.load(Ordering::Relaxed) {
            return false;
        }
        let before = self.bytes.fetch_add(entry.len(), Ordering::Relaxed);
        self.begin(before);
        let mut marked = self.marked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = marked.is_empty();
        marked.push(entry);
        drop(marked);
        if is_first && self.sender.try_send(Waiting::Marked).is_err() {
            tracing::trace!(
                "the queue is full: these events are written together with what it contains"
            );
        }
        true
    }

    /// Lets go of the events of a session that has ended: nobody can ask for them any more. Without
    /// this they would be held, for session after session, while the store is away.
    pub(super) fn unmark(&self, id: Uuid) {
        let mut freed = 0;
        let mut marked = self.marked.lock().unwrap_or_else(PoisonError::into_inner);
        marked.retain(|entry| {
            let stays = entry.id != id;
            freed += if stays { 0 } else { entry.len() };
            stays
        });
        drop(marked);
        self.bytes.fetch_sub(freed, Ordering::Relaxed);
    }

    /// Notes since when something waits, if it is the first: this many bytes waited before.
    fn begin(&self, before: usize) {
        if before == 0 {
            *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }

    /// Bytes that are not written yet.
    pub(super) fn waiting(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How long the oldest entry has been waiting.
    pub(super) fn lag(&self) -> Duration {
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.filter(|_| self.waiting() > 0).map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Resolves when everything that is queued now was written or dropped; `None` if the queue has
    /// no room even for that.
    pub(super) fn flushed(&self) -> Option<oneshot::Receiver<Infallible>> {
        let (written, waits) = oneshot::channel();
        self.sender.try_send(Waiting::Somebody(written)).ok()?;
        Some(waits)
    }

    /// Accepts no more entries; what is queued is still written.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use super::{super::log::Unwritten, *};
    use crate::{codec::event_stream::EventId, jsonrpc::Frame};

    #[derive(Debug)]
    struct Events;

    impl Unwritten for Events {
        fn read(&self, _: usize) -> (Vec<(EventId, Frame)>, bool) {
            (Vec::new(), false)
        }

        fn written(&self, _: u64) {}
    }

    #[test]
    fn the_events_of_an_ended_session_are_not_held_until_the_store_is_back() {
        let (queue, written) = queue();
        let mark = |id| {
            let events: Arc<dyn Unwritten> = Arc::new(Events);
            let held = Arc::downgrade(&events);
            assert!(queue.mark(Entry { events: Some(events), ..Entry::of(id, 1) }));
            held
        };
        let [ended, lives] = [1, 2].map(Uuid::from_u128);
        let held: [Weak<dyn Unwritten>; 2] = [ended, lives].map(mark);
        let both = queue.waiting();
        queue.unmark(ended);
        assert_eq!(held.map(|events| events.strong_count()), [0, 1]);
        assert_eq!(queue.waiting() * 2, both);
        let ids: Vec<Uuid> = written.take_marked().iter().map(|entry| entry.id).collect();
        assert_eq!(ids, [lives]);
    }
}
