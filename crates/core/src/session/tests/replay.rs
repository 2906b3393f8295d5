//! Resumption against a model: whatever is written, lost and asked for again in whatever order, a
//! client reads every event of a stream once and in order, or is told that it cannot.

use proptest::prelude::*;

use super::*;

/// Streams of the session: the standalone one and those of two POSTs.
const STREAMS: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    Write {
        on: usize,
        length: usize,
    },
    Finish {
        on: usize,
    },
    /// The client reads what is there.
    Read {
        on: usize,
    },
    /// The connection breaks; of what was on its way, a part arrives.
    Break {
        on: usize,
        percent: usize,
    },
    /// The connection is dead, and the proxy does not know yet.
    Stall {
        on: usize,
    },
    /// The proxy notices a dead connection.
    Notice {
        on: usize,
    },
    /// The proxy asks the reader to come back.
    Dismiss {
        on: usize,
    },
    Reconnect {
        on: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let on = || 0..STREAMS;
    prop_oneof![
        6 => (on(), 0usize..60).prop_map(|(on, length)| Step::Write { on, length }),
        1 => on().prop_map(|on| Step::Finish { on }),
        3 => on().prop_map(|on| Step::Read { on }),
        2 => (on(), 0usize..=100).prop_map(|(on, percent)| Step::Break { on, percent }),
        1 => on().prop_map(|on| Step::Stall { on }),
        1 => on().prop_map(|on| Step::Notice { on }),
        1 => on().prop_map(|on| Step::Dismiss { on }),
        3 => on().prop_map(|on| Step::Reconnect { on }),
    ]
}

/// One stream from both of its ends.
struct Watched {
    stream: Arc<Stream>,
    body: Option<Body>,
    /// Dead connections that the proxy still takes for alive.
    dead: Vec<Body>,
    written: Vec<String>,
    finished: bool,
    /// Bytes of an event that is not complete yet.
    partial: Vec<u8>,
    read: Vec<String>,
    last: Option<EventId>,
    /// The proxy has said that it cannot resume, or the client had nothing to resume from.
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

    /// The client gets these bytes.
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
            self.gap |= !self.written.is_empty();
            return;
        };
        match resume(session, last) {
            Ok(body) => self.body = Some(body),
            Err(Unresumed::Unknown) => self.gap = true,
            Err(Unresumed::Taken) => assert!(!self.dead.is_empty(), "nobody else reads it"),
        }
    }

    fn apply(&mut self, step: &Step, number: usize, session: &Session) {
        match step {
            Step::Write { length, .. } => {
                self.write(format!("{number}{}", "-".repeat(*length)), false);
            }
            // The standalone stream ends with its session only.
            Step::Finish { on } if *on > 0 => self.write(number.to_string(), true),
            Step::Finish { .. } => {}
            Step::Read { .. } => {
                let read = self.body.as_ref().map(Body::read).unwrap_or_default();
                self.arrive(&read);
            }
            Step::Break { percent, .. } => {
                if let Some(body) = self.body.take() {
                    let read = body.read();
                    self.arrive(&read[..read.len() * percent / 100]);
                }
            }
            Step::Stall { .. } => self.dead.extend(self.body.take()),
            Step::Notice { .. } => drop(self.dead.pop()),
            Step::Dismiss { .. } => self.stream.interrupt(),
            Step::Reconnect { .. } => self.reconnect(session),
        }
        self.check();
    }

    /// What was read is what was written, up to some point; with a gap, in order and none twice.
    fn check(&self) {
        if !self.gap {
            assert!(self.written.starts_with(&self.read), "{:?} {:?}", self.written, self.read);
        }
        let mut written = self.written.iter();
        assert!(self.read.iter().all(|read| written.any(|text| text == read)), "out of order");
    }

    /// The client insists until it has everything.
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

/// Runs the steps and says whether all clients got everything.
fn run(steps: &[Step], max_events: usize, max_bytes: usize) -> bool {
    let (registry, session) = session(max_events, max_bytes);
    let standalone = Arc::clone(session.standalone());
    let body = attach(&standalone).unwrap();
    let mut streams = vec![Watched::new(standalone, body)];
    streams.extend((1..STREAMS).map(|_| {
        let (stream, body) = open(&session, 1);
        Watched::new(stream, body)
    }));
    for (number, step) in steps.iter().enumerate() {
        let (Step::Write { on, .. }
        | Step::Finish { on }
        | Step::Read { on }
        | Step::Break { on, .. }
        | Step::Stall { on }
        | Step::Notice { on }
        | Step::Dismiss { on }
        | Step::Reconnect { on }) = step;
        streams[*on].apply(step, number, &session);
        let held = registry.held();
        assert!(held.events <= max_events.max(1));
        assert!(held.event_bytes <= max_bytes || held.events == 1);
    }
    for stream in &mut streams {
        stream.settle(&session);
    }
    streams.iter().all(|stream| !stream.gap)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_event_is_lost_and_none_comes_twice(steps in prop::collection::vec(step(), 0..80)) {
        run(&steps, 1000, 1 << 20);
    }

    #[test]
    fn within_tight_bounds_a_gap_is_always_told(
        steps in prop::collection::vec(step(), 0..80), max_events in 1usize..8, max_bytes in 1usize..600,
    ) {
        run(&steps, max_events, max_bytes);
    }
}

#[test]
fn the_model_sees_whole_and_broken_streams() {
    let write = Step::Write { on: 1, length: 3 };
    let broken = Step::Break { on: 1, percent: 0 };
    let read = Step::Read { on: 1 };
    let steps = [read, write.clone(), broken, write.clone(), write];
    assert!(run(&steps, 1000, 1000));
    assert!(!run(&steps, 1, 1000));
}
