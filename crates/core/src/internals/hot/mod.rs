//! The steps of a call that cost most, and the whole road without its sockets, for benches.

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use futures_util::FutureExt as _;

use crate::{
    codec::event_stream::{END, EventId},
    jsonrpc::{Assembly, Edit, Message, Pieces},
    relay::{
        Backend as _, Client, Connection, InitializeResult, Limits, Listener as _, Outbox, Reply,
        Shared, Sink,
    },
    session::{Encoding, Step, Stream},
};

const INITIALIZE: &[u8] = br#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"bench","version":"1"}}}"#;

/// A call whose only argument is so long.
pub fn request(length: usize) -> Bytes {
    let text = "x".repeat(length);
    format!(
        r#"{{"jsonrpc":"2.0","id":"c-1","method":"tools/call","params":{{"name":"echo","arguments":{{"text":"{text}"}},"_meta":{{"progressToken":7}}}}}}"#
    )
    .into()
}

/// A scanned message.
#[derive(Clone, Debug)]
pub struct Scanned(Message);

/// Scans a message; `None` if it is none.
pub fn scan(bytes: Bytes) -> Option<Scanned> {
    Message::parse(bytes).ok().map(Scanned)
}

/// The runs of bytes of the message under another id, as a line.
pub fn splice(message: &Scanned, id: &[u8]) -> Vec<Bytes> {
    let edits: Vec<_> =
        message.0.id_span().map(|span| Edit { span, with: id }).into_iter().collect();
    let mut queue = Pieces::default();
    queue.push(&Assembly { before: b"", source: message.0.bytes(), edits: &edits, behind: b"\n" });
    queue.drain()
}

/// The runs of bytes of the message as an event.
pub fn event(message: &Scanned, number: u64) -> Vec<Bytes> {
    let prelude = EventId { stream: 1, number }.message();
    let source = message.0.bytes();
    let mut queue = Pieces::default();
    queue.push(&Assembly { before: prelude.as_bytes(), source, edits: &[], behind: END });
    queue.drain()
}

/// A client and a server, with the relay between them.
#[derive(Debug)]
pub struct Road {
    shared: Arc<Shared>,
    outbox: Arc<Outbox>,
    connection: Arc<dyn Connection>,
}

impl Road {
    /// A road on which so many calls are under way; `None` if there is no road.
    pub fn new(under_way: usize) -> Option<Self> {
        let shared = Shared::new(1, Limits::default(), Duration::ZERO);
        let outbox = Arc::<Outbox>::default();
        let initialize = InitializeResult::of(&Message::parse(INITIALIZE.into()).ok()?)?;
        shared.connected(Arc::clone(&outbox), initialize, None);
        let connection = shared.open(Client::default()).now_or_never()?.ok()?;
        let road = Self { shared, outbox, connection };
        let request = Bytes::from_static(br#"{"jsonrpc":"2.0","id":1,"method":"wait"}"#);
        for _ in 0..under_way {
            road.send(request.clone(), &Arc::new(Stream::new(Encoding::Json, 1)))?;
            road.read();
        }
        Some(road)
    }

    /// Carries a call to the server and its answer back; the bytes of the response's body.
    pub fn call(&self, request: Bytes) -> Option<usize> {
        let (stream, reading) = Stream::new(Encoding::EventStream, 1).attached();
        self.send(request, &stream)?;
        let line = Message::parse(self.read().into_iter().next()?).ok()?;
        let answer = [br#"{"jsonrpc":"2.0","id":"#, line.id()?, br#","result":{"content":[]}}"#];
        self.shared.receive(&Message::parse(answer.concat().into()).ok()?);
        let mut context = Context::from_waker(Waker::noop());
        let mut length = 0;
        while let Poll::Ready(Step::Bytes(bytes)) = reading.poll_next(&mut context) {
            length += bytes.len();
        }
        Some(length)
    }

    fn send(&self, request: Bytes, stream: &Arc<Stream>) -> Option<()> {
        let request = Message::parse(request).ok()?;
        let sink: Arc<dyn Sink> = Arc::<Stream>::clone(stream);
        let reply = Reply::to(&request, sink);
        drop(self.connection.send(request, Some(reply), None));
        Some(())
    }

    /// What the server was sent.
    fn read(&self) -> Vec<Bytes> {
        self.outbox.next().now_or_never().flatten().unwrap_or_default()
    }
}
