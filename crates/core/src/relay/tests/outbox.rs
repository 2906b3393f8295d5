use bytes::Bytes;
use futures_util::FutureExt as _;
use proptest::prelude::*;
use tokio::task;

use super::{
    super::outbox::{Outbox, Pushed},
    *,
};

/// As in the module.
const LIMIT: usize = 4 * 1024 * 1024;

fn push(outbox: &Outbox, text: &Bytes) -> Pushed {
    outbox.push(&Assembly { before: b"", source: text, edits: &[], behind: b"\n" })
}

async fn push_patiently(outbox: &Outbox, text: &Bytes) {
    while push(outbox, text) == Pushed::Full {
        outbox.room().await;
    }
}

fn push_anyway(outbox: &Outbox, text: &Bytes) {
    outbox.push_anyway(&Assembly { before: b"", source: text, edits: &[], behind: b"\n" });
}

/// Takes everything that is queued.
fn take(outbox: &Outbox) -> Vec<u8> {
    outbox.next().now_or_never().flatten().unwrap_or_default().concat()
}

fn large() -> Bytes {
    vec![b'x'; LIMIT + 1].into()
}

#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    PushAnyway(usize),
    Take,
}

fn step() -> impl Strategy<Value = Step> {
    let length = || prop_oneof![0usize..100, 0usize..3_000_000];
    prop_oneof![
        4 => length().prop_map(Step::Push),
        2 => length().prop_map(Step::PushAnyway),
        1 => Just(Step::Take),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_taken_is_what_was_accepted_in_order_and_within_bounds(
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let outbox = Outbox::default();
        let mut expected: Vec<u8> = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            let before = outbox.queued_bytes();
            prop_assert_eq!(before, expected.len());
            let (accepted, length) = match step {
                Step::Take => {
                    prop_assert!(take(&outbox) == std::mem::take(&mut expected));
                    continue;
                }
                Step::Push(length) => (before <= LIMIT, *length),
                Step::PushAnyway(length) => (before <= 2 * LIMIT, *length),
            };
            let text = Bytes::from(format!("{number}{}", "-".repeat(length)));
            if let Step::Push(_) = step {
                let pushed = push(&outbox, &text);
                prop_assert_eq!(pushed, if accepted { Pushed::Queued } else { Pushed::Full });
            } else {
                push_anyway(&outbox, &text);
            }
            if accepted {
                expected.extend_from_slice(&text);
                expected.push(b'\n');
            }
        }
        prop_assert!(take(&outbox) == expected);
        prop_assert_eq!(outbox.queued_bytes(), 0);
    }
}

#[test]
fn a_sender_waits_for_room_and_no_longer() {
    let outbox = Outbox::default();
    assert_eq!(push(&outbox, &large()), Pushed::Queued);
    assert_eq!(push(&outbox, &large()), Pushed::Full);
    let mut room = Box::pin(outbox.room());
    assert!(room.as_mut().now_or_never().is_none());
    drop(take(&outbox));
    assert!(room.now_or_never().is_some());
}

#[test]
fn a_sender_that_was_overtaken_is_woken_too() {
    let outbox = Outbox::default();
    assert_eq!(push(&outbox, &large()), Pushed::Queued);
    assert_eq!(push(&outbox, &large()), Pushed::Full);
    drop(take(&outbox));
    assert_eq!(push(&outbox, &large()), Pushed::Queued, "somebody else was quicker");
    let mut room = Box::pin(outbox.room());
    assert!(room.as_mut().now_or_never().is_none());
    drop(take(&outbox));
    assert!(room.now_or_never().is_some(), "there is room, and nobody has said so");
}

#[test]
fn a_closed_queue_hands_out_the_rest_and_wakes_everybody() {
    let outbox = Outbox::default();
    assert_eq!(push(&outbox, &large()), Pushed::Queued);
    assert_eq!(push(&outbox, &large()), Pushed::Full);
    let mut room = Box::pin(outbox.room());
    assert!(room.as_mut().now_or_never().is_none());
    outbox.close();
    assert!(room.now_or_never().is_some());
    assert_eq!(push(&outbox, &large()), Pushed::Closed);
    push_anyway(&outbox, &large());
    assert_eq!(take(&outbox).len(), LIMIT + 2);
    assert!(outbox.next().now_or_never().is_some_and(|batch| batch.is_none()));
}

#[tokio::test]
async fn many_senders_lose_nothing_and_keep_their_order() {
    const SENDERS: usize = 16;
    const MESSAGES: usize = 40;
    let outbox = Arc::new(Outbox::default());
    let padding = "-".repeat(LIMIT / 20);
    let mut senders = task::JoinSet::new();
    for sender in 0..SENDERS {
        let (outbox, padding) = (Arc::clone(&outbox), padding.clone());
        senders.spawn(async move {
            for number in 0..MESSAGES {
                push_patiently(&outbox, &format!("{sender} {number} {padding}").into()).await;
                task::yield_now().await;
            }
        });
    }
    let reading = Arc::clone(&outbox);
    let reader = tokio::spawn(async move {
        let mut read = Vec::new();
        while let Some(batch) = reading.next().await {
            let batch = batch.concat();
            assert!(batch.len() <= LIMIT + 2 * (LIMIT / 20));
            read.extend(batch);
            task::yield_now().await;
        }
        String::from_utf8(read).unwrap()
    });
    senders.join_all().await;
    outbox.close();
    let read = reader.await.unwrap();
    let mut next = [0; SENDERS];
    for line in read.lines() {
        let mut words = line.split(' ');
        let mut number = || words.next().unwrap().parse::<usize>().unwrap();
        let (sender, number) = (number(), number());
        assert_eq!(next[sender], number);
        next[sender] += 1;
    }
    assert_eq!(next, [MESSAGES; SENDERS]);
}
