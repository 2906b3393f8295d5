use std::{
    sync::atomic::{AtomicUsize, Ordering},
    task::Wake,
};

use super::*;
use crate::relay::Reader as _;

/// Within the limit of a reader's queue, and more than half of it.
const LARGE: usize = 9 * 1024 * 1024;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_slow_reader_is_cut_and_costs_no_more() {
    let (registry, session) = session(10, 1000);
    let body = attach(session.standalone());
    write(session.standalone(), vec![b'a'; LARGE], false);
    write(session.standalone(), vec![b'b'; LARGE], false);
    assert!(matches!(body.step(), Poll::Ready(Step::Cut)));
    assert_eq!(registry.held().queued_bytes, 0);
    write(session.standalone(), "later", false);
    assert!(matches!(body.step(), Poll::Ready(Step::Cut)));
}

#[test]
fn one_message_of_any_size_reaches_its_reader() {
    let (_registry, session) = session(10, 1000);
    let body = attach(session.standalone());
    write(session.standalone(), vec![b'a'; 2 * LARGE], false);
    assert_eq!(data(&body)[0].len(), 2 * LARGE);
}

#[test]
fn a_reader_that_was_cut_takes_nothing_from_its_successor() {
    let (_registry, session) = session(100, 100 * 1024 * 1024);
    let stream = session.standalone();
    let cut = attach(stream);
    write(stream, "first", false);
    let last = first(&cut);
    write(stream, vec![b'a'; LARGE], false);
    write(stream, vec![b'b'; LARGE], false);
    let successor = resume(&session, last).expect("its place is free");
    write(stream, "afterwards", false);
    assert!(matches!(cut.step(), Poll::Ready(Step::End)), "it reads for somebody else");
    drop(cut);
    write(stream, "last", false);
    let lengths: Vec<usize> = data(&successor).iter().map(String::len).collect();
    assert_eq!(lengths, [LARGE, LARGE, "afterwards".len(), "last".len()]);
}

#[test]
fn a_dismissed_reader_leaves_nothing_behind_for_its_successor() {
    let (_registry, session) = session(100, 1000);
    let (stream, dismissed) = open(&session, 1);
    let last = first(&dismissed);
    write(&stream, "unread", false);
    stream.interrupt();
    let successor = resume(&session, last).expect("its place is free");
    drop(dismissed);
    write(&stream, "response", true);
    assert_eq!(data(&successor), ["unread", "response"]);
    assert!(matches!(successor.step(), Poll::Ready(Step::End)));
}

#[test]
fn a_dismissed_reader_gets_what_was_queued_and_a_regular_end() {
    let (_registry, session) = session(100, 1000);
    let (stream, body) = open(&session, 1);
    write(&stream, "queued", false);
    stream.interrupt();
    write(&stream, "too late", false);
    let read = String::from_utf8(body.read()).unwrap();
    assert!(read.ends_with("data: queued\n\nretry: 1000\n\n"), "{read}");
    assert!(matches!(body.step(), Poll::Ready(Step::End)));
}

#[test]
fn a_stream_has_one_reader_at_a_time_and_it_is_the_newest() {
    let (_registry, session) = session(100, 1000);
    let (stream, former) = open(&session, 1);
    let last = first(&former);
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    assert!(former.0.poll_next(&mut Context::from_waker(&waker)).is_pending());
    let newest = resume(&session, last).unwrap();
    assert_eq!(count.0.load(Ordering::Relaxed), 1, "the earlier one learns that it has ended");
    assert!(matches!(former.step(), Poll::Ready(Step::End)));
    drop(former);
    write(&stream, "progress", false);
    assert_eq!(data(&newest), ["progress"]);
}

#[test]
fn what_a_former_reader_has_not_read_is_its_successors() {
    let (_registry, session) = session(100, 1 << 20);
    let standalone = session.standalone();
    let former = attach(standalone);
    write(standalone, "read", false);
    assert_eq!(data(&former), ["read"]);
    write(standalone, "unread", false);
    let newest = attach(standalone);
    write(standalone, "more", false);
    assert_eq!(data(&former), [""; 0]);
    drop(former);
    assert_eq!(data(&newest), ["unread", "more"]);
    drop(newest);
    write(standalone, "later", false);
    assert_eq!(data(&attach(standalone)), ["later"]);
    assert_eq!(data(&attach(standalone)), [""; 0]);
}

#[test]
fn a_finished_stream_is_replayed_and_ends() {
    let (_registry, session) = session(100, 1000);
    let (stream, body) = open(&session, 1);
    let last = first(&body);
    drop(body);
    write(&stream, "response", true);
    for _ in 0..2 {
        let body = resume(&session, last).unwrap();
        assert_eq!(data(&body), ["response"]);
        assert!(matches!(body.step(), Poll::Ready(Step::End)));
    }
}

#[test]
fn a_reader_is_woken_by_a_message_and_by_the_end() {
    let (_registry, session) = session(100, 1000);
    let stream = session.standalone();
    let body = attach(stream);
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    for woken in 1..4 {
        assert!(body.0.poll_next(&mut Context::from_waker(&waker)).is_pending());
        write(stream, "more", false);
        assert_eq!(count.0.load(Ordering::Relaxed), woken);
        assert_eq!(data(&body), ["more"]);
    }
    assert!(body.0.poll_next(&mut Context::from_waker(&waker)).is_pending());
    session.close();
    assert_eq!(count.0.load(Ordering::Relaxed), 4);
    assert!(matches!(body.step(), Poll::Ready(Step::End)));
}

#[test]
fn nothing_is_queued_for_a_client_that_is_away_and_what_is_kept_waits_for_it() {
    let (registry, session) = session(3, 1000);
    for number in 0..100 {
        write(session.standalone(), number.to_string(), false);
    }
    let held = registry.held();
    assert_eq!((held.queued_bytes, held.events), (0, 3));
    let body = attach(session.standalone());
    assert_eq!(data(&body), ["97", "98", "99"]);
    drop(body);
    assert_eq!(data(&attach(session.standalone())), [""; 0]);
}

#[test]
fn a_closed_session_ends_its_streams() {
    let (_registry, session) = session(100, 1000);
    let (_, body) = open(&session, 1);
    let standalone = attach(session.standalone());
    session.close();
    drop(body.read());
    assert!(matches!(body.step(), Poll::Ready(Step::End)));
    assert!(matches!(standalone.step(), Poll::Ready(Step::End)));
    assert!(session.has_ended());
}

#[test]
fn a_cancelled_call_leaves_nothing_in_its_session() {
    let (_registry, session) = session(100, 1000);
    for round in 0..100_000 {
        let (stream, body) = open(&session, 1);
        if round % 2 == 0 {
            drop(body);
            stream.forget();
        } else {
            stream.forget();
            drop(body);
        }
    }
    assert_eq!(session.streams().as_ref().unwrap().len(), 0);
}

#[test]
fn the_stream_of_a_cancelled_call_ends_and_is_not_asked_for_again() {
    let (_registry, session) = session(100, 1000);
    let (stream, body) = open(&session, 2);
    let last = first(&body);
    stream.forget();
    assert!(matches!(body.step(), Poll::Pending), "the other call goes on");
    write(&stream, "progress", false);
    stream.forget();
    assert_eq!(data(&body), ["progress"]);
    assert!(matches!(body.step(), Poll::Ready(Step::End)));
    drop(body);
    let body = resume(&session, last).expect("something was missed");
    let last = events(&body.read()).0[0].0;
    drop(body);
    assert_eq!(resume(&session, last).err(), Some(Unresumed::Over));
}

#[test]
fn a_stream_whose_events_were_lost_with_their_replica_says_so() {
    let (_registry, session) = session(100, 10_000);
    session.restore(Vec::new());
    let unrecorded = EventId { stream: 3, number: 4 };
    let body = resume(&session, unrecorded).expect("a message");
    let told = events(&body.read()).0;
    assert!(told[0].1.contains("\"id\":null") && told[0].1.contains("may have run"), "{told:?}");
    assert!(matches!(body.step(), Poll::Ready(Step::End)));
    drop(body);
    assert_eq!(resume(&session, told[0].0).err(), Some(Unresumed::Over));
}
