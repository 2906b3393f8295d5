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
    sync::{Notify, mpsc, oneshot},
    time::{Instant, timeout_at},
};
use uuid::Uuid;

use super::log::Entry;
use crate::runtime::lock::Mutex;

/// Most entries that may wait.
const MAX_WAITING: usize = 16 * 1024;
/// Most entries that are written at a time, and most events of a session.
pub(super) const BATCH: usize = 4096;
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
    /// Sessions have sent events, or their calls have begun or ended.
    Marked,
}

impl Waiting {
    /// Whether a client waits for it.
    pub(super) fn is_urgent(&self) -> bool {
        match self {
            Self::Entry(entry) => entry.founding.is_some(),
            Self::Somebody(_) => true,
            Self::Marked => false,
        }
    }
}

/// The queue of entries. If there is no room, an entry is not written. Events do not need any: of a
/// session that has sent some there is one entry, however many they are.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    sender: mpsc::Sender<Waiting>,
    /// Entries of sessions with events or calls that were not read yet.
    marked: Arc<Mutex<Vec<Entry>>>,
    /// Something urgent was queued.
    urgent: Arc<Notify>,
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
    urgent: Arc<Notify>,
    pub(super) bytes: Arc<AtomicUsize>,
    pub(super) since: Arc<Mutex<Option<Instant>>>,
}

pub(super) fn queue() -> (Queue, Written) {
    let (sender, receiver) = mpsc::channel(MAX_WAITING);
    let bytes = Arc::<AtomicUsize>::default();
    let (marked, urgent, since) = (Arc::default(), Arc::<Notify>::default(), Arc::default());
    let queue = Queue {
        sender,
        marked: Arc::clone(&marked),
        urgent: Arc::clone(&urgent),
        bytes: Arc::clone(&bytes),
        since: Arc::clone(&since),
        closed: Arc::default(),
    };
    (queue, Written { receiver, marked, urgent, bytes, since })
}

impl Written {
    /// Waits until this moment, unless somebody waits for the store; then adds what is queued, up to
    /// as much as is written at a time.
    pub(super) async fn collect(&mut self, taken: &mut Vec<Waiting>, until: Instant) {
        if !taken.iter().any(Waiting::is_urgent) {
            // Not until the queue has more: each entry would wake the writer.
            drop(timeout_at(until, self.urgent.notified()).await);
        }
        while taken.len() < BATCH {
            let Ok(more) = self.receiver.try_recv() else { return };
            taken.push(more);
        }
    }

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
        if is_room && self.send(Waiting::Entry(entry)) {
            self.begin(before);
            return true;
        }
        self.bytes.fetch_sub(length, Ordering::Relaxed);
        false
    }

    /// Whether the channel had room.
    fn send(&self, waiting: Waiting) -> bool {
        let is_urgent = waiting.is_urgent();
        let is_sent = self.sender.try_send(waiting).is_ok();
        if is_sent && is_urgent {
            self.urgent.notify_one();
        }
        is_sent
    }

    /// Queues an entry that says where new events or calls are; `false` if the queue is closed. There is
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
        if is_first && !self.send(Waiting::Marked) {
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
        self.send(Waiting::Somebody(written)).then_some(waits)
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

    #[tokio::test(start_paused = true)]
    async fn entries_are_collected_until_somebody_waits() {
        let (queue, mut written) = queue();
        let ended = |id| Entry { ended: true, ..Entry::of(Uuid::from_u128(id), 1) };
        let mut taken = vec![Waiting::Marked];
        assert!(queue.push(ended(1)));
        let (began, linger) = (Instant::now(), Duration::from_millis(5));
        written.collect(&mut taken, began + linger).await;
        assert_eq!((taken.len(), began.elapsed()), (2, linger));
        // It is over.
        written.collect(&mut taken, began + linger).await;
        assert_eq!((taken.len(), began.elapsed()), (2, linger));
        let collecting = written.collect(&mut taken, began + linger * 9);
        let asking = async { (queue.push(ended(2)), queue.flushed()) };
        let ((), (is_room, waits)) = tokio::join!(collecting, asking);
        assert!(is_room && waits.is_some());
        assert_eq!((taken.len(), began.elapsed()), (4, linger));
        // Somebody waits already.
        written.collect(&mut taken, began + linger * 9).await;
        assert_eq!(began.elapsed(), linger);
    }
}
