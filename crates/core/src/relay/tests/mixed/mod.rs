//! Clients of both eras at once over one scripted server of either, against a model of who may get
//! what.
//!
//! In any interleaving of calls, progress, log messages, questions, cancellations, subscriptions
//! and disconnections: an answer reaches only its own call, translated for the client, under the id
//! and token that the client wrote, and in the server's order; everything else reaches those who
//! may get it; each call gets one answer, or none if it was cancelled; and with a call, the server
//! learns only what that call's client says.

mod clients;
mod server;
mod steps;

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::{era::Era, protocol::LogLevel};
use clients::{Called, Listener, Visitor};
use server::Stream;
use steps::{Step, step};

const META: &str = "io.modelcontextprotocol/";

/// The proxy with everybody around it.
struct World {
    /// The server's era.
    era: Era,
    upstream: Upstream,
    visitors: Vec<Visitor>,
    calls: Vec<Called>,
    listeners: Vec<Listener>,
    /// The open streams of a server of the newer era.
    streams: Vec<Stream>,
    /// Ids that the server has seen; none may appear twice.
    seen: BTreeSet<u64>,
    /// Cancellations that the server must get.
    cancellations: BTreeSet<u64>,
    /// Numbers the server's messages, so that no two are equal.
    said: u64,
}

impl World {
    fn new(era: Era) -> Self {
        let shared = Shared::new(Ids::Ascending(1), Limits::default(), Duration::from_secs(10));
        let upstream = Upstream { shared, outbox: Arc::default() };
        match era {
            Era::Legacy => upstream.connect(Arc::clone(&upstream.outbox)),
            Era::Modern => modern::discover(&upstream),
        }
        Self {
            era,
            upstream,
            visitors: Vec::new(),
            calls: Vec::new(),
            listeners: Vec::new(),
            streams: Vec::new(),
            seen: BTreeSet::new(),
            cancellations: BTreeSet::new(),
            said: 0,
        }
    }

    fn check(&mut self) {
        self.deliver();
        assert!(self.cancellations.is_empty(), "not told: {:?}", self.cancellations);
        for call in &mut self.calls {
            call.reader.check();
        }
        for visitor in &mut self.visitors {
            visitor.reader.check();
        }
        for listener in &mut self.listeners {
            listener.reader.check();
        }
    }

    /// Everything that is still running is answered, and everything was answered once.
    fn settle(&mut self) {
        for call in 0..self.calls.len() {
            self.apply(&Step::Reply { call });
            self.apply(&Step::Answer { call, fails: false });
            self.check();
        }
        for call in &self.calls {
            assert!(!call.running, "it still waits");
            assert_eq!(call.reader.responses, usize::from(!call.given_up));
        }
    }
}

fn run(era: Era, steps: &[Step]) {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_time().start_paused(true).build().unwrap();
    // Nothing waits for a time here; spawned tasks must not depend on a clock either.
    let _entered = runtime.enter();
    let mut world = World::new(era);
    for step in steps {
        world.apply(step);
        world.check();
    }
    world.settle();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_goes_astray_before_a_server_with_a_handshake(
        steps in prop::collection::vec(step(), 0..120),
    ) {
        run(Era::Legacy, &steps);
    }

    #[test]
    fn nothing_goes_astray_before_a_server_without_one(
        steps in prop::collection::vec(step(), 0..120),
    ) {
        run(Era::Modern, &steps);
    }
}
