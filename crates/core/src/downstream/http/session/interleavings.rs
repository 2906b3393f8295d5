//! A stream whose writer, reader and connection run on threads of their own, in orders that a
//! scheduler chooses.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use shuttle::thread;

use super::{
    Session, Stream, Unresumed,
    model::{Body, events, open, resume, session, write},
};
use crate::{codec::event_stream::EventId, relay::Reader as _};

/// Orders that are tried.
const ORDERS: usize = 2000;
const EVENTS: usize = 5;

/// What a client has received of a stream.
#[derive(Default)]
struct Read {
    last: Option<EventId>,
    texts: Vec<String>,
}

impl Read {
    fn take(&mut self, body: &Body) {
        for (id, text) in events(&body.read()).0 {
            assert!(self.last.is_none_or(|last| last.number < id.number), "{id:?} came twice");
            self.last = Some(id);
            self.texts.extend(Some(text).filter(|text| !text.is_empty()));
        }
    }
}

fn write_all(stream: &Stream) {
    for number in 1..=EVENTS {
        write(stream, number.to_string(), number == EVENTS);
        thread::yield_now();
    }
}

/// Reads, loses its connection and returns, until it has everything.
fn read_all(session: &Session, first: Body) -> Vec<String> {
    let (mut read, mut body) = (Read::default(), Some(first));
    while read.texts.len() < EVENTS {
        if let Some(body) = body.take() {
            read.take(&body);
        }
        thread::yield_now();
        let last = read.last.expect("a stream begins with an id");
        match resume(session, last) {
            Ok(resumed) => body = Some(resumed),
            // The last event has arrived, and the stream has ended.
            Err(error) => assert!(error == Unresumed::Over && read.texts.len() == EVENTS),
        }
    }
    read.texts
}

#[test]
fn a_reader_that_comes_back_gets_everything_once_and_in_order() {
    let run = || {
        let (_registry, session) = session(100, 1 << 20);
        let (stream, body) = open(&session, 1);
        let done = Arc::new(AtomicBool::new(false));
        let writer = {
            let stream = Arc::clone(&stream);
            thread::spawn(move || write_all(&stream))
        };
        let dismisser = {
            let (stream, done) = (Arc::clone(&stream), Arc::clone(&done));
            thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    stream.interrupt();
                    thread::yield_now();
                }
            })
        };
        drop(stream);
        let reader = thread::spawn(move || read_all(&session, body));
        writer.join().unwrap();
        let texts = reader.join().unwrap();
        done.store(true, Ordering::Relaxed);
        dismisser.join().unwrap();
        assert_eq!(texts, ["1", "2", "3", "4", "5"]);
    };
    shuttle::check_random(run, ORDERS);
}
