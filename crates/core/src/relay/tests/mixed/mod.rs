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
mod world;

use proptest::prelude::*;

use crate::era::Era;
use steps::{Step, step};
use world::World;

impl World {
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
