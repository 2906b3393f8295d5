//! The queue of writes, and the one task that performs them: in order for each session, side by
//! side for several.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use uuid::Uuid;

use super::{
    super::directory::Held, Entry, Store, StoreError, connection::is_away, scripts::Bounds,
};
use crate::{config::EventStoreConfig, runtime::lock::Mutex};

/// Most entries that may wait.
const MAX_WAITING: usize = 16 * 1024;
/// Most bytes that may wait.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// Most entries that are written at a time.
const BATCH: usize = 512;
/// Pause after a failure.
const PAUSE: Duration = Duration::from_millis(200);

/// An element of the queue.
#[derive(Debug)]
enum Waiting {
    Entry(Entry),
    /// Waits for everything that was queued before. Dropping it wakes the waiting end.
    Somebody(
        #[expect(dead_code, reason = "it is there to be dropped")] oneshot::Sender<Infallible>,
    ),
}

/// The queue of entries. If there is no room, an entry is not written.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    sender: mpsc::Sender<Waiting>,
    bytes: Arc<AtomicUsize>,
    /// Since when the oldest entry waits.
    since: Arc<Mutex<Option<Instant>>>,
    closed: Arc<AtomicBool>,
}

/// The receiving end of the queue.
#[derive(Debug)]
pub(super) struct Written {
    receiver: mpsc::Receiver<Waiting>,
    bytes: Arc<AtomicUsize>,
    since: Arc<Mutex<Option<Instant>>>,
}

pub(super) fn queue() -> (Queue, Written) {
    let (sender, receiver) = mpsc::channel(MAX_WAITING);
    let bytes = Arc::<AtomicUsize>::default();
    let since = Arc::default();
    let queue = Queue {
        sender,
        bytes: Arc::clone(&bytes),
        since: Arc::clone(&since),
        closed: Arc::default(),
    };
    (queue, Written { receiver, bytes, since })
}

impl Queue {
    /// Whether there was room.
    pub(super) fn push(&self, entry: Entry) -> bool {
        let length = entry.len();
        let before = self.bytes.fetch_add(length, Ordering::Relaxed);
        let is_room = before + length <= MAX_BYTES && !self.closed.load(Ordering::Relaxed);
        if is_room && self.sender.try_send(Waiting::Entry(entry)).is_ok() {
            if before == 0 {
                *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            }
            return true;
        }
        self.bytes.fetch_sub(length, Ordering::Relaxed);
        false
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

impl Store {
    /// Writes until the store is closed and the queue is empty.
    pub(super) async fn write(self: Arc<Self>, mut written: Written) {
        loop {
            let mut taken = Vec::new();
            tokio::select! {
                count = written.receiver.recv_many(&mut taken, BATCH) => {
                    if count == 0 {
                        return;
                    }
                }
                () = self.end.cancelled() => {
                    while let Ok(waiting) = written.receiver.try_recv() {
                        taken.push(waiting);
                    }
                    self.write_batch(&sorted(taken).0).await;
                    return;
                }
            }
            let began = Instant::now();
            let (batch, told) = sorted(taken);
            while !self.write_batch(&batch).await && !self.end.is_cancelled() {
                tokio::time::sleep(PAUSE).await;
            }
            drop(told);
            self.have_ended(&batch);
            let length: usize = batch.iter().map(Entry::len).sum();
            // What waits now came after that.
            *written.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(began);
            written.bytes.fetch_sub(length, Ordering::Relaxed);
        }
    }

    /// Whether the store has answered. After a failure some entries may be written twice, which is
    /// harmless: the reader of the log uses each event once.
    async fn write_batch(&self, batch: &[Entry]) -> bool {
        let mut sessions = HashMap::<Uuid, Vec<Entry>>::new();
        for entry in batch {
            sessions.entry(entry.id).or_default().push(entry.clone());
        }
        let millis = self.kept.as_millis().try_into().unwrap_or(u64::MAX);
        let EventStoreConfig { max_events: events, max_bytes: bytes } = self.events;
        let bounds = Bounds { kept_millis: millis, events, bytes };
        let writing = sessions.values().map(|entries| async move {
            (entries, self.asked(self.write_session(entries, bounds)).await)
        });
        let mut all_taken = true;
        for (entries, outcome) in join_all(writing).await {
            match outcome {
                Ok(Held::Kept) => {
                    let bytes: usize = entries.iter().map(Entry::len).sum();
                    self.counts.logged_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
                }
                Ok(Held::Fenced(_)) => {
                    if let Some(entry) = entries.first() {
                        self.fenced(entry.id, entry.epoch);
                    }
                }
                Err(error) => all_taken &= !is_away(&error),
            }
        }
        all_taken
    }
}

impl Store {
    /// The ended sessions that the store knows about now.
    fn have_ended(&self, batch: &[Entry]) {
        let mut ended = batch.iter().filter(|entry| entry.ended).peekable();
        if ended.peek().is_some() {
            let mut ending = self.ending();
            ended.for_each(|entry| {
                ending.remove(&entry.id);
            });
        }
    }
}

/// The entries, and the ends that wait for them.
fn sorted(taken: Vec<Waiting>) -> (Vec<Entry>, Vec<Waiting>) {
    let mut entries = Vec::with_capacity(taken.len());
    let mut told = Vec::new();
    for waiting in taken {
        match waiting {
            Waiting::Entry(entry) => entries.push(entry),
            somebody @ Waiting::Somebody(_) => told.push(somebody),
        }
    }
    (entries, told)
}

impl Store {
    async fn write_session(&self, entries: &[Entry], bounds: Bounds) -> Result<Held, StoreError> {
        let write =
            |entries| self.scripts.hold(&self.connection, &self.keys, self.own, entries, bounds);
        if let Some(held) = write(entries).await? {
            return Ok(held);
        }
        // The store has forgotten the session, so its founding is written again.
        let Some(first) = entries.first() else { return Ok(Held::Kept) };
        let founding = self.lock().get(&first.id).map(|holding| holding.founding.clone());
        let Some(founding) = founding else { return Ok(Held::Kept) };
        let mut entries = entries.to_vec();
        if let Some(last) = entries.last_mut() {
            last.founding = Some(founding);
        }
        Ok(write(&entries).await?.unwrap_or(Held::Kept))
    }
}
