//! Many clients over one scripted upstream, against a model of who may get what.
//!
//! In any interleaving of calls, progress, answers, cancellations, subscriptions, log levels,
//! restarts, disconnections, exceeded limits, calls that are dropped while they wait, and messages
//! of disconnected clients: an answer reaches only its own call, under the id and token that the
//! client wrote, in the upstream's order; everything else reaches the clients that may get it; each
//! call gets one answer, or none if it was cancelled.

mod clients;
mod steps;

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use clients::{Called, Visitor, Wish};
use steps::{Step, step};

/// The proxy with everybody around it.
struct World {
    upstream: Upstream,
    visitors: Vec<Visitor>,
    calls: Vec<Called>,
    wishes: Vec<Wish>,
    /// Ids that the upstream has seen; none may appear twice.
    seen: BTreeSet<u64>,
    /// The proxy's own requests about resources that the upstream has not answered yet.
    unanswered: Vec<(u64, String)>,
    /// The proxy's other requests, which the upstream never answers.
    ignored: Vec<u64>,
    /// Cancellations that the upstream must get.
    cancellations: BTreeSet<u64>,
    /// Its clock advances only when a step does that.
    runtime: tokio::runtime::Runtime,
}

/// How long the upstream may be silent.
const LIMITS: Limits = Limits { silence: Some(Duration::from_secs(10)), total: None };

impl World {
    fn new(runtime: tokio::runtime::Runtime) -> Self {
        Self {
            upstream: Upstream::new(LIMITS),
            visitors: Vec::new(),
            calls: Vec::new(),
            wishes: Vec::new(),
            seen: BTreeSet::new(),
            unanswered: Vec::new(),
            ignored: Vec::new(),
            cancellations: BTreeSet::new(),
            runtime,
        }
    }

    /// The upstream reads what it was sent.
    fn deliver(&mut self) {
        for sent in self.upstream.sent() {
            let id = sent["id"].as_u64();
            assert!(id.is_none_or(|id| self.seen.insert(id)), "an id was given twice: {sent}");
            match sent["method"].as_str().unwrap() {
                "tools/call" => {
                    let number: usize =
                        sent["params"]["number"].as_u64().unwrap().try_into().unwrap();
                    self.calls[number].arrives(id.unwrap(), &sent);
                }
                "notifications/cancelled" => {
                    let id = sent["params"]["requestId"].as_u64().unwrap();
                    assert!(self.cancellations.remove(&id), "nobody has cancelled {id}");
                }
                "resources/subscribe" | "resources/unsubscribe" => {
                    let uri = sent["params"]["uri"].as_str().unwrap().to_owned();
                    self.unanswered.push((id.unwrap(), uri));
                }
                "logging/setLevel" => self.ignored.push(id.unwrap()),
                other => panic!("nobody has sent {other}"),
            }
        }
        assert!(self.cancellations.is_empty(), "not told: {:?}", self.cancellations);
    }

    fn check(&mut self) {
        self.deliver();
        for call in &mut self.calls {
            call.check();
        }
        for visitor in &mut self.visitors {
            visitor.check();
        }
        for wish in &mut self.wishes {
            wish.check(&mut self.visitors);
        }
    }

    /// All clients disconnect: nothing of them remains.
    fn leave(&mut self) {
        for visitor in 0..self.visitors.len() {
            self.apply(&Step::Close { visitor });
            self.check();
        }
        self.answer_all();
        let state = self.upstream.shared.lock();
        assert_eq!((state.members.len(), state.waiting.len()), (0, 0));
        assert_eq!(state.exchanges.in_flight().count(), 0);
        assert!(state.subscriptions.wanted().is_empty(), "{:?}", state.subscriptions);
    }

    fn answer_all(&mut self) {
        while !self.unanswered.is_empty() {
            self.apply(&Step::AnswerWish { accepted: true });
            self.check();
        }
    }

    /// The upstream answers the open requests about resources.
    fn settle(&mut self) {
        self.answer_all();
        for wish in &self.wishes {
            let forgotten = *wish.sink.forgotten.lock().unwrap() == 1;
            let gone = !self.visitors[wish.visitor].open;
            assert!(wish.answered || gone && forgotten, "{wish:?} is still waiting");
        }
    }
}

fn run(steps: &[Step]) {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_time().start_paused(true).build().unwrap();
    let clock = runtime.handle().clone();
    let _entered = clock.enter();
    let mut world = World::new(runtime);
    for step in steps {
        world.apply(step);
        world.check();
    }
    world.settle();
    world.leave();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn everything_reaches_whom_it_is_for_and_nobody_else(
        steps in prop::collection::vec(step(), 0..120),
    ) {
        run(&steps);
    }
}
