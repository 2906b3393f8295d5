//! Sessions with clients that leave, come back, read slowly or not at all.

mod json;
mod reaper;
mod replay;
mod stream;

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;

use super::*;
use crate::{
    codec::event_stream::EventId,
    config::EventStoreConfig,
    relay::{Outgoing, Sink as _},
    seats::Seats,
};

/// A response that is being read; dropped, its connection is gone.
#[derive(Debug)]
struct Body(Reading);

impl Body {
    /// What can be read now.
    fn step(&self) -> Poll<Step> {
        self.0.poll_next(&mut Context::from_waker(Waker::noop()))
    }

    /// Everything that can be read now.
    fn read(&self) -> Vec<u8> {
        let mut read = Vec::new();
        while let Poll::Ready(Step::Bytes(bytes)) = self.step() {
            read.extend_from_slice(&bytes);
        }
        read
    }
}

fn attach(stream: &Arc<Stream>) -> Option<Body> {
    stream.attach().map(Body)
}

fn resume(session: &Session, last: EventId) -> Result<Body, Unresumed> {
    session.resume(last).map(Body)
}

fn open(session: &Arc<Session>, responses: usize) -> (Arc<Stream>, Body) {
    let (stream, reading) = session.open_stream(Stream::new(Encoding::EventStream, responses));
    stream.prime();
    (stream, Body(reading))
}

/// A session that keeps its events, in a registry.
fn session(max_events: usize, max_bytes: usize) -> (Registry, Arc<Session>) {
    let registry = Registry::default();
    let session = registry.create(Events::Kept(EventStoreConfig { max_events, max_bytes }), None);
    registry.insert(Arc::clone(&session), Seats::new(None).take(1).unwrap());
    (registry, session)
}

fn write(stream: &Stream, text: impl Into<Bytes>, response: bool) {
    stream.write(Outgoing { source: &text.into(), edits: &[], response });
}

/// The complete events of a stream, as ids and data, and the length of their text.
fn events(read: &[u8]) -> (Vec<(EventId, String)>, usize) {
    let text = std::str::from_utf8(read).unwrap();
    let whole = text.rfind("\n\n").map_or(0, |end| end + 2);
    let mut events = Vec::new();
    for event in text[..whole].split_terminator("\n\n") {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
        let id = EventId::parse(field("id: ").unwrap()).unwrap();
        events.push((id, field("data: ").unwrap_or_default().to_owned()));
    }
    (events, whole)
}

/// The data of the events that can be read now.
fn data(body: &Body) -> Vec<String> {
    events(&body.read()).0.into_iter().map(|(_, data)| data).collect()
}

/// The first event that can be read now.
fn first(body: &Body) -> EventId {
    events(&body.read()).0[0].0
}
