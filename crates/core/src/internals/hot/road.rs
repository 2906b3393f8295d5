//! Calls over the relay, as the fronts make them.

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::server::Server;
use crate::{
    downstream::http::session::{Encoding, Reading, Step, Stream},
    era::{
        Era,
        classify::{Posted, PostedKind, classify, validate},
    },
    jsonrpc::Message,
    protocol::header::mirror::mirrored_name,
    relay::{Backend as _, Client, Connection, Reply, Sink},
};

/// A client and a server, with the relay between them.
#[derive(Debug)]
pub struct Road {
    server: Server,
    connection: Arc<dyn Connection>,
}

impl Road {
    /// A relay with this many calls under way; `None` if it cannot be made.
    pub fn new(under_way: usize) -> Option<Self> {
        let server = Server::of(Era::Legacy)?;
        let connection = server.shared.open(Client::default()).now_or_never()?.ok()?;
        let request = Bytes::from_static(br#"{"jsonrpc":"2.0","id":1,"method":"wait"}"#);
        for _ in 0..under_way {
            let stream = Arc::new(Stream::new(Encoding::Json, 1));
            send(&*connection, Message::parse(request.clone()).ok()?, &stream);
            server.read();
        }
        Some(Self { server, connection })
    }

    /// Sends a call to the server and its answer back; returns the bytes of the response's body.
    pub fn call(&self, request: Bytes) -> Option<usize> {
        let (stream, reading) = Stream::new(Encoding::EventStream, 1).attached();
        send(&*self.connection, Message::parse(request).ok()?, &stream);
        self.server.answer(br#"{"content":[]}"#)?;
        Some(read(&reading))
    }
}

/// The same with 2026-07-28 on both sides: every call has a connection of its own.
#[derive(Debug)]
pub struct ModernRoad {
    server: Server,
    headers: HeaderMap,
}

impl ModernRoad {
    /// A relay with a server of that revision; `None` if it cannot be made.
    pub fn new() -> Option<Self> {
        let headers = [
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/call"),
            ("mcp-name", "echo"),
        ];
        let headers = headers
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Some(Self { server: Server::of(Era::Modern)?, headers: headers.into_iter().collect() })
    }

    /// Checks a call against its headers, then sends it and its answer; returns the bytes of the
    /// body.
    pub fn call(&self, request: Bytes) -> Option<usize> {
        let request = Message::parse(request).ok()?;
        let (method, name) = (request.method(), mirrored_name(&request));
        let posted = Posted {
            kind: PostedKind::Request,
            method: &method,
            meta: request.meta().map(|meta| request.text(meta)),
            claims_version: request.claims_version(),
            name: name.as_deref(),
        };
        classify(&posted, &self.headers).ok()?;
        validate(&posted, &self.headers).ok()?;
        let client = Client { era: Era::Modern, ..Client::default() };
        let connection = self.server.shared.open(client).now_or_never()?.ok()?;
        let (stream, reading) = Stream::new(Encoding::Lazy, 1).attached();
        send(&*connection, request, &stream);
        self.server.answer(br#"{"resultType":"complete","content":[]}"#)?;
        let length = reading.take_whole()?.iter().map(Bytes::len).sum();
        connection.close();
        Some(length)
    }
}

fn send(connection: &dyn Connection, request: Message, stream: &Arc<Stream>) {
    let sink: Arc<dyn Sink> = Arc::<Stream>::clone(stream);
    let reply = Reply::to(&request, sink);
    drop(connection.send(request, Some(reply), None));
}

/// The bytes that wait for a reader.
pub(super) fn read(reading: &Reading) -> usize {
    let mut context = Context::from_waker(Waker::noop());
    let mut length = 0;
    while let Poll::Ready(Step::Bytes(bytes)) = reading.poll_next(&mut context) {
        length += bytes.len();
    }
    length
}
