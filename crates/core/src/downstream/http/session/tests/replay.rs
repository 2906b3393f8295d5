//! Clients that lose their connections, against the model.

use proptest::prelude::*;

use super::super::model::{Act, STREAMS, run};

fn act() -> impl Strategy<Value = Act> {
    let on = || 0..STREAMS;
    prop_oneof![
        6 => (on(), 0usize..60).prop_map(|(on, length)| Act::Write { on, length }),
        1 => on().prop_map(|on| Act::Finish { on }),
        3 => on().prop_map(|on| Act::Read { on }),
        2 => (on(), 0usize..=100).prop_map(|(on, percent)| Act::Break { on, percent }),
        1 => on().prop_map(|on| Act::Stall { on }),
        1 => on().prop_map(|on| Act::Notice { on }),
        1 => on().prop_map(|on| Act::Dismiss { on }),
        3 => on().prop_map(|on| Act::Reconnect { on }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_event_is_lost_and_none_comes_twice(acts in prop::collection::vec(act(), 0..80)) {
        run(&acts, 1000, 1 << 20);
    }

    #[test]
    fn within_tight_bounds_a_gap_is_always_told(
        acts in prop::collection::vec(act(), 0..80), max_events in 1usize..8, max_bytes in 1usize..600,
    ) {
        run(&acts, max_events, max_bytes);
    }
}

#[test]
fn the_model_sees_whole_and_broken_streams() {
    let write = Act::Write { on: 1, length: 3 };
    let broken = Act::Break { on: 1, percent: 0 };
    let read = Act::Read { on: 1 };
    let acts = [read, write.clone(), broken, write.clone(), write];
    assert!(run(&acts, 1000, 10_000));
    assert!(!run(&acts, 1, 10_000));
}
