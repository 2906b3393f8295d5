//! The one task that performs the writes: in order for each session, side by
//! side for several.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    super::directory::Held,
    Entry, Logged, Store, StoreError, Underway, Unwritten,
    connection::is_away,
    queue::{BATCH, Waiting, Written},
    scripts::Bounds,
};
use crate::config::{Durability, EventStoreConfig};

/// How long further entries are waited for, to be written with the first one, unless somebody waits
/// for the store. A call of a quick server is over by then, and a busy session has had several. New
/// sessions are written without delay.
const LINGER: Duration = Duration::from_millis(5);
/// Bytes that are written in a microsecond on average: after a large write comes a pause. So a flood
/// of events leaves its client the CPU and is written in large pieces; events that are replaced by
/// newer ones meanwhile are not written.
const PACE: usize = 32;
/// The longest of these pauses. There is no pause if a client waits for the store.
const MAX_LINGER: Duration = Duration::from_millis(25);
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
    fn of(taken: Vec<Waiting>, marked: Vec<Entry>) -> Self {
        let mut batch = Self::default();
        // What ends calls or streams comes after their events.
        for entry in marked {
            batch.push(entry);
        }
        for waiting in taken {
            match waiting {
                Waiting::Entry(entry) => batch.push(entry),
                somebody @ Waiting::Somebody(_) => batch.told.push(somebody),
                Waiting::Marked => {}
            }
        }
        batch
    }

    fn push(&mut self, entry: Entry) {
        self.length += entry.len();
        self.sessions.entry(entry.id).or_default().push(entry);
    }
}

impl Store {
    /// Writes until the store is closed and the queue is empty.
    pub(super) async fn write(self: Arc<Self>, mut written: Written) {
        let mut pause = Instant::now();
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
                    self.write_batch(&Batch::of(taken, written.take_marked())).await;
                    return;
                }
            }
            let began = Instant::now();
            let linger = if self.durability == Durability::Async { LINGER } else { Duration::ZERO };
            written.collect(&mut taken, pause.max(began + linger)).await;
            let batch = Batch::of(taken, written.take_marked());
            let before = self.counts.logged_bytes.load(Ordering::Relaxed);
            while !self.write_batch(&batch).await && !self.end.is_cancelled() {
                tokio::time::sleep(PAUSE).await;
            }
            let bytes = self.counts.logged_bytes.load(Ordering::Relaxed) - before;
            pause = Instant::now() + paced(bytes);
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
                Ok(Held::Kept) => {}
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

/// The pause after this many bytes were written.
fn paced(bytes: u64) -> Duration {
    MAX_LINGER.min(Duration::from_micros(bytes / PACE as u64))
}

/// The events that a session has sent, and where they are from.
struct Events<'a> {
    source: &'a dyn Unwritten,
    last: u64,
    entries: Vec<Entry>,
    is_more: bool,
}

impl<'a> Events<'a> {
    /// The next ones; `None` if it has none. Those of an earlier owner are left out.
    fn of(entries: &'a [Entry]) -> Option<Self> {
        let entry = entries.iter().rev().find(|entry| entry.events.is_some())?;
        let source = entry.events.as_deref()?;
        let (events, is_more) = source.read(BATCH);
        let last = events.last()?.0.number;
        let entries = events
            .into_iter()
            .map(|(id, frame)| Entry::logged(entry.id, entry.epoch, Logged::Event { id, frame }));
        Some(Self { source, last, entries: entries.collect(), is_more })
    }
}

/// What has changed about the session's calls under way, and who says so.
fn changed_calls(entries: &[Entry]) -> Option<(&dyn Underway, Vec<Entry>)> {
    let entry = entries.iter().rev().find(|entry| entry.calls.is_some())?;
    let source = entry.calls.as_deref()?;
    let changed = source.read().into_iter();
    Some((source, changed.map(|it| Entry::logged(entry.id, entry.epoch, it)).collect()))
}

/// What is written of a session besides its events: these changes, and what waits in the queue. It is
/// never nothing: an owner that was replaced learns of it when it writes.
fn besides_events(mut changed: Vec<Entry>, entries: &[Entry]) -> Vec<Entry> {
    changed.extend(entries.iter().filter(|entry| !entry.is_mark()).cloned());
    if changed.is_empty() {
        changed.extend(entries.last().cloned());
    }
    changed
}

impl Store {
    /// Writes a session's events, then its other entries.
    async fn write_session(&self, entries: &[Entry], bounds: Bounds) -> Result<Held, StoreError> {
        // Before the events, so that those of a call that is answered are among them.
        let (calls, changed) = changed_calls(entries).unzip();
        let mut rest = besides_events(changed.unwrap_or_default(), entries);
        let held = loop {
            let Some(mut events) = Events::of(entries) else {
                break self.write_entries(&rest, bounds).await?;
            };
            if !events.is_more {
                events.entries.append(&mut rest);
            }
            let held = self.write_entries(&events.entries, bounds).await?;
            events.source.written(events.last);
            if !events.is_more || held != Held::Kept {
                break held;
            }
        };
        if let Some(calls) = calls {
            calls.written();
        }
        Ok(held)
    }

    async fn write_entries(&self, entries: &[Entry], bounds: Bounds) -> Result<Held, StoreError> {
        let held = self.hold_with(entries, bounds).await?;
        if held == Held::Kept {
            let bytes: usize = entries.iter().map(Entry::len).sum();
            self.counts.logged_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        Ok(held)
    }

    async fn hold_with(&self, entries: &[Entry], bounds: Bounds) -> Result<Held, StoreError> {
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

    #[test]
    fn something_is_always_written() {
        let mark = || Entry::of(Uuid::nil(), 1);
        let delivered = || Entry::logged(Uuid::nil(), 1, Logged::Delivered { stream: 1 });
        assert_eq!(besides_events(Vec::new(), &[mark(), mark()]).len(), 1);
        assert_eq!(besides_events(Vec::new(), &[mark(), delivered(), mark()]).len(), 1);
        assert_eq!(besides_events(vec![delivered()], &[mark(), delivered()]).len(), 2);
        assert!(besides_events(Vec::new(), &[]).is_empty());
    }

    #[test]
    fn a_pause_after_a_large_write_has_an_end() {
        assert_eq!([0, u64::MAX].map(paced), [Duration::ZERO, MAX_LINGER]);
    }
}
