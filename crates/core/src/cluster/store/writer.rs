//! The one task that performs the writes: in order for each session, side by
//! side for several.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    super::directory::Held,
    Entry, Logged, Store, StoreError,
    connection::is_away,
    queue::{Waiting, Written},
    scripts::Bounds,
};
use crate::config::{Durability, EventStoreConfig};

/// Most entries that are written at a time.
const BATCH: usize = 4096;
/// How long further entries are waited for, to be written with the first one, unless calls wait for
/// the store. A call of a quick server is over by then. New sessions are written without delay.
const LINGER: Duration = Duration::from_millis(1);
/// Pause after a failure.
const PAUSE: Duration = Duration::from_millis(200);

/// Entries that are written together, and the ends that wait for them.
#[derive(Debug, Default)]
struct Batch {
    sessions: HashMap<Uuid, Vec<Entry>>,
    /// Bytes in the queue.
    length: usize,
    told: Vec<Waiting>,
}

impl Batch {
    fn of(taken: Vec<Waiting>, most: EventStoreConfig) -> Self {
        let mut batch = Self::default();
        for waiting in taken {
            match waiting {
                Waiting::Entry(entry) => {
                    batch.length += entry.len();
                    batch.sessions.entry(entry.id).or_default().push(entry);
                }
                somebody @ Waiting::Somebody(_) => batch.told.push(somebody),
            }
        }
        for entries in batch.sessions.values_mut() {
            condense(entries, most);
        }
        batch
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
                    self.write_batch(&Batch::of(taken, self.events)).await;
                    return;
                }
            }
            let began = Instant::now();
            if self.durability == Durability::Async && !taken.iter().any(Waiting::founds) {
                tokio::time::sleep(LINGER).await;
            }
            while taken.len() < BATCH
                && let Ok(waiting) = written.receiver.try_recv()
            {
                taken.push(waiting);
            }
            let batch = Batch::of(taken, self.events);
            while !self.write_batch(&batch).await && !self.end.is_cancelled() {
                tokio::time::sleep(PAUSE).await;
            }
            self.have_ended(&batch);
            // What waits now came after that.
            *written.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(began);
            written.bytes.fetch_sub(batch.length, Ordering::Relaxed);
        }
    }

    /// Whether the store has answered. After a failure some entries may be written twice, which is
    /// harmless: the reader of the log uses each event once.
    async fn write_batch(&self, batch: &Batch) -> bool {
        let millis = self.kept.as_millis().try_into().unwrap_or(u64::MAX);
        let EventStoreConfig { max_events: events, max_bytes: bytes } = self.events;
        let bounds = Bounds { kept_millis: millis, events, bytes };
        let writing = batch.sessions.values().map(|entries| async move {
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
    fn have_ended(&self, batch: &Batch) {
        let entries = batch.sessions.values().flatten();
        let mut ended = entries.filter(|entry| entry.ended).peekable();
        if ended.peek().is_some() {
            let mut ending = self.ending();
            ended.for_each(|entry| {
                ending.remove(&entry.id);
            });
        }
    }
}

/// Leaves out of a session's entries what the store would forget with this batch: events beyond its
/// limits, the oldest first, and calls that have begun and are answered. The last entry stays: an
/// owner that was replaced learns of it when it writes.
fn condense(entries: &mut Vec<Entry>, most: EventStoreConfig) {
    let (mut answered, mut over) = (HashSet::new(), HashSet::new());
    let (mut events, mut bytes) = (0_usize, 0_usize);
    // From the end, because what comes later decides.
    let kept = entries.iter().rev().map(|entry| match &entry.logged {
        Some(Logged::Event { frame, .. }) => {
            events += 1;
            bytes = bytes.saturating_add(frame.len());
            events == 1 || (events <= most.max_events && bytes <= most.max_bytes)
        }
        Some(Logged::Answered { stream }) => answered.insert(*stream),
        Some(Logged::Calls { stream, .. }) if answered.contains(stream) => {
            over.insert(*stream);
            false
        }
        _ => true,
    });
    let mut kept: Vec<bool> = kept.collect();
    let last = entries.len().saturating_sub(1);
    let mut at = 0;
    entries.retain(|entry| {
        let is_kept = kept.pop().unwrap_or(true);
        let is_over =
            matches!(&entry.logged, Some(Logged::Answered { stream }) if over.contains(stream));
        at += 1;
        at > last || (is_kept && !is_over)
    });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{codec::event_stream::EventId, jsonrpc::Frame};

    fn entry(logged: Logged) -> Entry {
        Entry { id: Uuid::nil(), epoch: 1, founding: None, logged: Some(logged), ended: false }
    }

    fn event(number: u64) -> Entry {
        entry(Logged::Event {
            id: EventId { stream: 9, number },
            frame: Frame::Whole("0123456789".into()),
        })
    }

    fn calls(stream: u64) -> Entry {
        entry(Logged::Calls { stream, ids: vec!["1".into()] })
    }

    fn answered(stream: u64) -> Entry {
        entry(Logged::Answered { stream })
    }

    fn condensed(mut entries: Vec<Entry>, max_events: usize, max_bytes: usize) -> Vec<String> {
        condense(&mut entries, EventStoreConfig { max_events, max_bytes });
        let kinds = entries.iter().map(|entry| match &entry.logged {
            Some(Logged::Event { id, .. }) => format!("{}", id.number),
            Some(Logged::Calls { stream, .. }) => format!("c{stream}"),
            Some(Logged::Answered { stream }) => format!("d{stream}"),
            _ => "f".to_owned(),
        });
        kinds.collect()
    }

    #[test]
    fn what_the_store_would_forget_at_once_is_not_written() {
        let many = || (0..5).map(event).collect::<Vec<_>>();
        assert_eq!(condensed(many(), 9, 100), ["0", "1", "2", "3", "4"]);
        assert_eq!(condensed(many(), 2, 100), ["3", "4"]);
        assert_eq!(condensed(many(), 9, 30), ["2", "3", "4"]);
        assert_eq!(condensed(many(), 0, 0), ["4"]);
    }

    #[test]
    fn a_call_that_is_over_is_not_written() {
        let quick = vec![calls(1), event(1), answered(1), calls(2), event(2)];
        assert_eq!(condensed(quick, 9, 100), ["1", "c2", "2"]);
        // It was written with an earlier batch.
        assert_eq!(condensed(vec![answered(1), event(1)], 9, 100), ["d1", "1"]);
    }

    #[test]
    fn something_is_always_written() {
        assert_eq!(condensed(vec![calls(1), answered(1)], 9, 100), ["d1"]);
        assert!(condensed(Vec::new(), 9, 100).is_empty());
    }
}
