//! Many clients over one scripted upstream, against a model of who may get what.
//!
//! In any interleaving of calls, progress, answers, cancellations, subscriptions, log levels,
//! restarts, disconnections, exceeded limits, calls that are dropped while they wait, and messages
//! of disconnected clients: an answer reaches only its own call, under the id and token that the
//! client wrote, in the upstream's order; everything else reaches the clients that may get it; each
//! call gets one answer, or none if it was cancelled.

mod clients;
mod steps;
mod world;

use proptest::prelude::*;

use steps::{Step, step};
use world::World;

impl World {
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
