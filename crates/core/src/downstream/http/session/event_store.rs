//! The events of one session, kept for `Last-Event-ID` (MCP 2025-11-25, "Resumability").

use std::{collections::VecDeque, fmt, sync::PoisonError};

use crate::{
    cluster::Unwritten, codec::event_stream::EventId, config::EventStoreConfig, jsonrpc::Frame,
    runtime::lock::Mutex,
};

/// A ring of events, limited in number and in bytes; the newest event is always kept.
#[derive(Debug)]
pub(crate) struct EventStore {
    limits: EventStoreConfig,
    events: VecDeque<Event>,
    bytes: usize,
    next: u64,
    /// Writes the events elsewhere, too.
    journal: Option<Journal>,
    /// Whether the journal knows of the newest event.
    is_told: bool,
    /// The number of the first event that the journal has not written.
    unwritten: u64,
    /// Another replica has had the session, and may have sent more events than are known.
    is_restored: bool,
}

/// Is told that there are new events, once until they are read; says whether it will read them.
pub(crate) struct Journal(pub(crate) Box<dyn Fn() -> bool + Send>);

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Journal")
    }
}

/// How many further events another replica may have numbered.
const UNKNOWN: u64 = 1_000_000;

#[derive(Debug)]
struct Event {
    id: EventId,
    frame: Frame,
}

impl EventStore {
    pub(crate) fn new(limits: EventStoreConfig) -> Self {
        Self {
            limits,
            events: VecDeque::new(),
            bytes: 0,
            next: 0,
            journal: None,
            is_told: false,
            unwritten: 0,
            is_restored: false,
        }
    }

    /// Tells this journal of events from now on.
    pub(crate) fn tell(&mut self, journal: Journal) {
        self.journal = Some(journal);
        self.unwritten = self.next;
    }

    /// Takes the events that another replica has stored, in order; repeated ones are taken once.
    pub(crate) fn restore(&mut self, events: impl Iterator<Item = (EventId, Frame)>) {
        for (id, frame) in events.filter(|(id, _)| id.number < u64::MAX / 2) {
            if id.number >= self.next {
                self.next = id.number + 1;
                self.keep(id, frame);
            }
        }
        self.next += UNKNOWN;
        self.is_restored = true;
    }

    /// Gives the event its id, stores what `build` makes of it, and passes it to `send`.
    pub(crate) fn append(
        &mut self,
        stream: u64,
        build: impl FnOnce(EventId) -> Frame,
        send: impl FnOnce(&Frame),
    ) {
        let id = EventId { stream, number: self.next };
        self.next += 1;
        let frame = build(id);
        send(&frame);
        if let Some(Journal(tell)) = &self.journal
            && !self.is_told
        {
            self.is_told = tell();
        }
        self.keep(id, frame);
    }

    fn keep(&mut self, id: EventId, frame: Frame) {
        self.bytes += frame.len();
        self.events.push_back(Event { id, frame });
        while self.events.len() > 1
            && (self.events.len() > self.limits.max_events || self.bytes > self.limits.max_bytes)
        {
            if let Some(oldest) = self.events.pop_front() {
                self.bytes -= oldest.frame.len();
            }
        }
    }

    /// How many events are kept, and their bytes.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.events.len(), self.bytes)
    }

    /// The newest events of a stream with at least this many bytes, the oldest first.
    pub(crate) fn newest(&self, stream: u64, bytes: usize) -> Vec<&Frame> {
        let mut left = bytes;
        let own = self.events.iter().rev().filter(|event| event.id.stream == stream);
        let mut newest = Vec::new();
        for event in own {
            if left == 0 {
                break;
            }
            left = left.saturating_sub(event.frame.len());
            newest.push(&event.frame);
        }
        newest.reverse();
        newest
    }

    /// Whether another replica sent `last` and was lost before it had recorded it, and nothing of
    /// the stream after it is known.
    pub(crate) fn has_lost(&self, last: EventId) -> bool {
        let is_kept =
            self.events.binary_search_by_key(&last.number, |event| event.id.number).is_ok();
        let is_last = || self.after(last).is_some_and(|mut later| later.next().is_none());
        self.is_restored && !is_kept && is_last()
    }

    /// Events of the same stream after `last`; `None` if `last` is not kept (any more).
    pub(crate) fn after(&self, last: EventId) -> Option<impl Iterator<Item = &Frame>> {
        let at = self.events.binary_search_by_key(&last.number, |event| event.id.number);
        let next = match at {
            Ok(at) if self.events[at].id == last => at + 1,
            Err(next) if self.is_restored => next,
            _ => return None,
        };
        let later = self.events.range(next..);
        Some(later.filter(move |event| event.id.stream == last.stream).map(|event| &event.frame))
    }
}

impl Unwritten for Mutex<EventStore> {
    fn read(&self, most: usize) -> (Vec<(EventId, Frame)>, bool) {
        let mut store = self.lock().unwrap_or_else(PoisonError::into_inner);
        store.is_told = false;
        let first = store.events.partition_point(|event| event.id.number < store.unwritten);
        let events = store.events.range(first..).take(most);
        let events: Vec<_> = events.map(|event| (event.id, event.frame.clone())).collect();
        let is_more = first + events.len() < store.events.len();
        (events, is_more)
    }

    fn written(&self, last: u64) {
        let mut store = self.lock().unwrap_or_else(PoisonError::into_inner);
        store.unwritten = store.unwritten.max(last.saturating_add(1));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    fn store(max_events: usize, max_bytes: usize) -> EventStore {
        EventStore::new(EventStoreConfig { max_events, max_bytes })
    }

    fn add(store: &mut EventStore, stream: u64, text: &'static str) -> EventId {
        let mut given = None;
        let build = |id| {
            given = Some(id);
            Frame::Whole(text.into())
        };
        store.append(stream, build, |_| {});
        given.unwrap()
    }

    fn later(store: &EventStore, id: EventId) -> Option<Vec<String>> {
        let texts = |frame: &Frame| String::from_utf8(frame.runs().concat()).unwrap();
        Some(store.after(id)?.map(texts).collect())
    }

    #[test]
    fn replays_only_later_events_of_the_same_stream() {
        let mut store = store(10, 1000);
        let first = add(&mut store, 1, "a");
        add(&mut store, 2, "b");
        let third = add(&mut store, 1, "c");
        assert_eq!(later(&store, first), Some(vec!["c".to_owned()]));
        assert_eq!(later(&store, third), Some(vec![]));
    }

    #[test]
    fn an_evicted_or_foreign_id_is_unknown() {
        let mut store = store(2, 1000);
        let first = add(&mut store, 1, "a");
        let second = add(&mut store, 1, "b");
        add(&mut store, 1, "c");
        assert_eq!(later(&store, first), None);
        assert_eq!(later(&store, EventId { stream: 7, ..second }), None);
        assert_eq!(later(&store, EventId { stream: 1, number: 99 }), None);
    }

    #[test]
    fn what_a_lost_replica_sent_last_is_known_to_be_missing() {
        let mut store = store(10, 1000);
        let unrecorded = EventId { stream: 1, number: 5 };
        assert!(!store.has_lost(unrecorded), "nobody else has had the session");
        let recorded = EventId { stream: 2, number: 3 };
        store.restore([(recorded, Frame::Whole("a".into()))].into_iter());
        assert!(store.has_lost(unrecorded));
        assert!(!store.has_lost(recorded));
        assert!(!store.has_lost(EventId { stream: 2, number: 1 }), "something follows it");
        add(&mut store, 1, "b");
        assert!(!store.has_lost(unrecorded), "something follows it by now");
    }

    #[test]
    fn bytes_are_bounded_but_the_newest_event_stays() {
        let mut store = store(100, 4);
        let small = add(&mut store, 1, "abc");
        let large = add(&mut store, 1, "0123456789");
        assert_eq!(later(&store, small), None);
        assert_eq!(later(&store, large), Some(vec![]));
        assert_eq!(store.bytes, 10);
    }

    #[test]
    fn a_journal_is_told_once_and_reads_what_it_has_not_written() {
        let told = Arc::new(AtomicUsize::new(0));
        let events = Mutex::new(store(3, 1000));
        let add = |text| {
            add(&mut events.lock().unwrap(), 1, text);
        };
        let read = |most| {
            let (read, is_more) = events.read(most);
            (read.iter().map(|(id, _)| id.number).collect::<Vec<_>>(), is_more)
        };
        add("before");
        let count = Arc::clone(&told);
        let journal = Journal(Box::new(move || count.fetch_add(1, Ordering::Relaxed) > 0));
        events.lock().unwrap().tell(journal);
        add("refused");
        add("b");
        add("c");
        assert_eq!(told.load(Ordering::Relaxed), 2, "again after it would not read them");
        assert_eq!(read(2), (vec![1, 2], true));
        assert_eq!(read(9), (vec![1, 2, 3], false), "nothing is written yet");
        add("d");
        assert_eq!(told.load(Ordering::Relaxed), 3);
        events.written(2);
        assert_eq!(read(9), (vec![3, 4], false));
        events.written(4);
        assert_eq!(read(9), (vec![], false));
        for text in ["e", "f", "g", "h"] {
            add(text);
        }
        assert_eq!(read(9), (vec![6, 7, 8], false), "what is not kept is not written");
    }
}
