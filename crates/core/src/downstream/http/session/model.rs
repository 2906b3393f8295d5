//! Resumption against a model: in whatever order things are written, lost and requested again, a
//! client reads every event of a stream once and in order, or is told that it cannot.
//!
//! For the tests of this module and for the fuzzers; a check that fails panics.

#![expect(clippy::unwrap_used, reason = "a check fails by a panic")]

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;

use super::{Encoding, Events, Reading, Registry, Session, Step, Stream, Unresumed};
use crate::{
    codec::event_stream::EventId,
    config::EventStoreConfig,
    identity::Identity,
    relay::{Outgoing, Reader as _, Sink as _},
    runtime::seats::Seats,
};

/// Streams of the session: the standalone one and those of two POSTs.
pub(crate) const STREAMS: usize = 3;

#[derive(Clone, Debug)]
pub(crate) enum Act {
    Write {
        on: usize,
        length: usize,
    },
    Finish {
        on: usize,
    },
    /// The client reads everything that is there.
    Read {
        on: usize,
    },
    /// The connection breaks; only a part of the bytes on their way arrives.
    Break {
        on: usize,
        percent: usize,
    },
    /// The connection is dead, and the proxy has not noticed.
    Stall {
        on: usize,
    },
    /// The proxy notices a dead connection.
    Notice {
        on: usize,
    },
    /// The proxy asks the reader to reconnect.
    Dismiss {
        on: usize,
    },
    Reconnect {
        on: usize,
    },
}

/// Both ends of one stream.
#[expect(clippy::struct_excessive_bools, reason = "what happened, in any combination")]
struct Watched {
    stream: Arc<Stream>,
    body: Option<Body>,
    /// Dead connections that the proxy believes to be alive.
    dead: Vec<Body>,
    written: Vec<String>,
    finished: bool,
    /// Bytes of an event that is not complete yet.
    partial: Vec<u8>,
    read: Vec<String>,
    last: Option<EventId>,
    is_standalone: bool,
    /// Some events are no longer kept.
    evicts: bool,
    /// Bytes that were handed out have not arrived.
    is_cut: bool,
    /// The proxy has refused to resume, or the client had no id to resume from.
    gap: bool,
}

impl Watched {
    fn new(stream: Arc<Stream>, body: Body) -> Self {
        Self {
            stream,
            body: Some(body),
            dead: Vec::new(),
            written: Vec::new(),
            finished: false,
            partial: Vec::new(),
            read: Vec::new(),
            last: None,
            is_standalone: false,
            evicts: false,
            is_cut: false,
            gap: false,
        }
    }

    fn write(&mut self, text: String, response: bool) {
        if !self.finished {
            write(&self.stream, text.clone(), response);
            self.written.push(text);
            self.finished = response;
        }
    }

    /// The client receives these bytes.
    fn arrive(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
        let (events, whole) = events(&self.partial);
        self.partial.drain(..whole);
        for (id, data) in events {
            assert!(self.last.is_none_or(|last| last.number < id.number), "{id:?} came twice");
            self.last = Some(id);
            if !data.is_empty() {
                self.read.push(data);
            }
        }
    }

    fn reconnect(&mut self, session: &Session) {
        if self.body.is_some() {
            return;
        }
        self.partial.clear();
        let Some(last) = self.last else {
            // A client without an id cannot be told that events are no longer kept.
            self.gap |= self.is_cut || self.evicts;
            if self.is_standalone {
                self.body = Some(attach(&self.stream));
            } else {
                self.gap |= !self.written.is_empty();
            }
            return;
        };
        match resume(session, last) {
            Ok(body) => self.body = Some(body),
            Err(Unresumed::Unknown | Unresumed::Failed) => self.gap = true,
            Err(Unresumed::Over) => {
                assert!(
                    self.finished && (self.gap || self.read == self.written),
                    "more is to come"
                );
            }
        }
    }

    fn apply(&mut self, act: &Act, number: usize, session: &Session) {
        match act {
            Act::Write { length, .. } => {
                self.write(format!("{number}{}", "-".repeat(*length)), false);
            }
            // The standalone stream ends only with its session.
            Act::Finish { on } if *on > 0 => self.write(number.to_string(), true),
            Act::Finish { .. } => {}
            Act::Read { .. } => {
                let read = self.body.as_ref().map(Body::read).unwrap_or_default();
                self.arrive(&read);
            }
            Act::Break { percent, .. } => {
                if let Some(body) = self.body.take() {
                    let read = body.read();
                    self.is_cut |= *percent < 100 && !read.is_empty();
                    self.arrive(&read[..read.len() * percent / 100]);
                }
            }
            Act::Stall { .. } => self.dead.extend(self.body.take()),
            Act::Notice { .. } => drop(self.dead.pop()),
            Act::Dismiss { .. } => self.stream.interrupt(),
            Act::Reconnect { .. } => self.reconnect(session),
        }
        self.check();
    }

    /// What was read is a prefix of what was written; after a gap, still in order and without
    /// repetition.
    fn check(&self) {
        if !self.gap {
            assert!(self.written.starts_with(&self.read), "{:?} {:?}", self.written, self.read);
        }
        let mut written = self.written.iter();
        assert!(self.read.iter().all(|read| written.any(|text| text == read)), "out of order");
    }

    /// The client reconnects until it has everything.
    fn settle(&mut self, session: &Session) {
        self.dead.clear();
        let read = self.body.as_ref().map(Body::read).unwrap_or_default();
        self.arrive(&read);
        drop(self.body.take());
        self.reconnect(session);
        let read = self.body.as_ref().map(Body::read).unwrap_or_default();
        self.arrive(&read);
        self.check();
        assert!(self.gap || self.read == self.written, "{:?} {:?}", self.written, self.read);
    }
}

/// Runs the acts; returns whether all clients got everything.
pub(crate) fn run(acts: &[Act], max_events: usize, max_bytes: usize) -> bool {
    let (registry, session) = session(max_events, max_bytes);
    let standalone = Arc::clone(session.standalone());
    let body = attach(&standalone);
    let mut streams = vec![Watched {
        is_standalone: true,
        evicts: max_events <= acts.len() || max_bytes < 512 * acts.len(),
        ..Watched::new(standalone, body)
    }];
    streams.extend((1..STREAMS).map(|_| {
        let (stream, body) = open(&session, 1);
        Watched::new(stream, body)
    }));
    for (number, act) in acts.iter().enumerate() {
        let (Act::Write { on, .. }
        | Act::Finish { on }
        | Act::Read { on }
        | Act::Break { on, .. }
        | Act::Stall { on }
        | Act::Notice { on }
        | Act::Dismiss { on }
        | Act::Reconnect { on }) = act;
        streams[*on].apply(act, number, &session);
        let held = registry.held();
        assert!(held.events <= max_events.max(1));
        assert!(held.event_bytes <= max_bytes || held.events == 1);
    }
    for stream in &mut streams {
        stream.settle(&session);
    }
    streams.iter().all(|stream| !stream.gap)
}

/// A response that is being read; dropping it closes its connection.
#[derive(Debug)]
pub(super) struct Body(pub(super) Reading);

impl Body {
    /// The next readable bytes.
    pub(super) fn step(&self) -> Poll<Step> {
        self.0.poll_next(&mut Context::from_waker(Waker::noop()))
    }

    /// All readable bytes.
    pub(super) fn read(&self) -> Vec<u8> {
        let mut read = Vec::new();
        while let Poll::Ready(Step::Bytes(bytes)) = self.step() {
            read.extend_from_slice(&bytes);
        }
        read
    }
}

pub(super) fn attach(stream: &Arc<Stream>) -> Body {
    Body(stream.attach())
}

pub(super) fn resume(session: &Session, last: EventId) -> Result<Body, Unresumed> {
    session.resume(last).map(Body)
}

pub(super) fn open(session: &Arc<Session>, responses: usize) -> (Arc<Stream>, Body) {
    let (stream, reading) =
        session.open_stream(Stream::new(Encoding::EventStream, responses)).unwrap();
    stream.prime();
    (stream, Body(reading))
}

/// A session that keeps its events, in a registry.
pub(super) fn session(max_events: usize, max_bytes: usize) -> (Arc<Registry>, Arc<Session>) {
    let registry = Arc::new(Registry::default());
    let session = registry.create(
        Identity::default(),
        Events::Kept(EventStoreConfig { max_events, max_bytes }),
        None,
    );
    registry.insert(Arc::clone(&session), Seats::new(None).take(1).unwrap());
    (registry, session)
}

pub(super) fn write(stream: &Stream, text: impl Into<Bytes>, response: bool) {
    stream.write(Outgoing::new(&text.into(), &[], response));
}

/// The complete events of a stream, as ids and data, and the length of their text.
pub(super) fn events(read: &[u8]) -> (Vec<(EventId, String)>, usize) {
    let text = std::str::from_utf8(read).unwrap();
    let whole = text.rfind("\n\n").map_or(0, |end| end + 2);
    let mut events = Vec::new();
    for event in text[..whole].split_terminator("\n\n") {
        if event.starts_with("retry: ") {
            continue;
        }
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
        let id = EventId::parse(field("id: ").unwrap()).unwrap();
        events.push((id, field("data: ").unwrap_or_default().to_owned()));
    }
    (events, whole)
}
