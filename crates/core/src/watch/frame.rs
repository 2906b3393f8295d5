//! What is shown to the tap: a message at one of four points, or an event of a session or server.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Method, StatusCode};
use uuid::Uuid;

use super::headers::Headers;
use crate::jsonrpc;

/// Shorter texts are copied: a reference would keep their whole read buffer alive.
const COPY_BELOW: usize = 8 * 1024;
/// How much is kept of the end of a truncated message.
pub(super) const TAIL: usize = 256;
/// Approximate memory of a frame besides its text.
const OVERHEAD: usize = 256;

/// Where a frame was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// A client has sent a message.
    FromClient,
    /// A message is sent to a client.
    ToClient,
    /// A message is written to a server.
    ToServer,
    /// A server has written a message.
    FromServer,
    /// The head of an HTTP response is ready.
    Http,
    /// A session was opened or closed.
    Session,
    /// A server was started, has ended, or will be restarted.
    Server,
    /// A server has written to its standard error.
    Stderr,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) at: Instant,
    pub(crate) point: Point,
    /// The server's number, from [`ServerTag`](super::ServerTag).
    pub(crate) server: Option<u32>,
    /// The client's session.
    pub(crate) session: Option<Uuid>,
    /// Identifies an open response stream by its address in memory.
    pub(crate) stream: Option<usize>,
    /// The HTTP exchange, see [`within`](super::within).
    pub(crate) exchange: Option<u64>,
    pub(crate) payload: Payload,
    pub(crate) detail: Option<Detail>,
}

/// The content besides the text.
#[derive(Clone, Debug)]
pub(crate) enum Detail {
    Http(Box<Http>),
    Life(Life),
}

/// A request's head and its response's head.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    pub(crate) exchange: u64,
    pub(crate) began: Instant,
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) request: Headers,
    pub(crate) status: StatusCode,
    pub(crate) response: Headers,
    /// Why the request was refused, as one word.
    pub(crate) refused: Option<&'static str>,
    /// Time from the request's head to the response's.
    pub(crate) took: Duration,
}

/// What happened to a session or a server.
#[derive(Clone, Debug)]
pub(crate) enum Life {
    /// A session was opened, over this transport.
    Opened(&'static str),
    /// A session was closed.
    Closed,
    /// A server was started.
    Started { name: String, pid: Option<u32> },
    /// A server has ended; the text completes "the server …".
    Ended { name: String, outcome: String },
    /// A server will be restarted.
    Restarting { name: String, attempt: u32, after: Duration },
    /// A step of a sign-in to a remote server.
    SignIn { step: SignIn, detail: String },
}

/// A step of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignIn {
    /// The server requires other credentials than it got.
    Required,
    /// A user is asked to sign in.
    Waiting,
    /// A token was renewed.
    Renewed,
    /// A token is available.
    Granted,
    /// The sign-in failed, for this reason.
    Failed,
}

impl SignIn {
    /// The step as one word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Waiting => "waiting",
            Self::Renewed => "renewed",
            Self::Granted => "granted",
            Self::Failed => "failed",
        }
    }
}

impl Frame {
    pub(crate) fn new(point: Point, payload: Payload) -> Self {
        Self {
            at: Instant::now(),
            point,
            server: None,
            session: None,
            stream: None,
            exchange: None,
            payload,
            detail: None,
        }
    }

    /// An event without a message.
    pub(crate) fn event(point: Point, detail: Detail) -> Self {
        Self { detail: Some(detail), ..Self::new(point, Payload::default()) }
    }

    /// Sets its session.
    pub(crate) fn in_session(self, session: Option<Uuid>) -> Self {
        Self { session, ..self }
    }

    /// Sets its stream, by the address in memory.
    pub(crate) fn on_stream<T: ?Sized>(self, stream: *const T) -> Self {
        Self { stream: Some(stream.cast::<()>().addr()), ..self }
    }

    /// Sets the exchange that the current task serves.
    pub(crate) fn of_exchange(self) -> Self {
        Self { exchange: super::current_exchange(), ..self }
    }

    /// Sets the server.
    pub(crate) fn of_server(self, server: u32) -> Self {
        Self { server: Some(server), ..self }
    }

    /// Its approximate size in memory.
    pub(crate) fn weight(&self) -> usize {
        let headers = match &self.detail {
            Some(Detail::Http(http)) => {
                http.request.bytes() + http.response.bytes() + http.target.len()
            }
            _ => 0,
        };
        OVERHEAD + headers + self.payload.kept()
    }
}

/// The bytes of a message, by reference if it is long.
#[derive(Clone, Debug, Default)]
pub(crate) struct Payload {
    runs: Runs,
    /// Length before truncation.
    length: usize,
    /// The end of a truncated message, which usually contains the id.
    tail: Bytes,
}

/// Bytes that follow one another. Nearly always they are in one piece, which needs no list.
#[derive(Clone, Debug)]
enum Runs {
    One(Bytes),
    Many(Vec<Bytes>),
}

impl Default for Runs {
    fn default() -> Self {
        Self::One(Bytes::new())
    }
}

impl std::ops::Deref for Runs {
    type Target = [Bytes];

    fn deref(&self) -> &[Bytes] {
        match self {
            Self::One(run) => std::slice::from_ref(run),
            Self::Many(runs) => runs,
        }
    }
}

impl Payload {
    /// These bytes.
    pub(crate) fn of(bytes: &Bytes) -> Self {
        let kept =
            if bytes.len() < COPY_BELOW { Bytes::copy_from_slice(bytes) } else { bytes.clone() };
        Self::one(kept)
    }

    /// Bytes that nobody else references.
    pub(crate) fn copied(bytes: &[u8]) -> Self {
        Self::one(Bytes::copy_from_slice(bytes))
    }

    fn one(bytes: Bytes) -> Self {
        Self { length: bytes.len(), runs: Runs::One(bytes), tail: Bytes::new() }
    }

    /// A message with its edits.
    pub(crate) fn edited(source: &Bytes, edits: &[jsonrpc::Edit<'_>]) -> Self {
        if edits.is_empty() {
            return Self::of(source);
        }
        let assembly = jsonrpc::Assembly { before: b"", source, edits, behind: b"" };
        match assembly.frame() {
            jsonrpc::Frame::Whole(bytes) => Self::one(bytes),
            jsonrpc::Frame::Runs(runs) => Self::together(runs.to_vec()),
        }
    }

    /// A message that is in pieces.
    pub(crate) fn together(mut pieces: Vec<Bytes>) -> Self {
        pieces.retain(|piece| !piece.is_empty());
        let length = pieces.iter().map(Bytes::len).sum();
        if length < COPY_BELOW {
            return Self::one(pieces.concat().into());
        }
        Self { length, runs: Runs::Many(pieces), tail: Bytes::new() }
    }

    /// The messages of a batch of lines, which may be in pieces.
    pub(crate) fn lines(batch: &[Bytes]) -> Vec<Self> {
        let (mut lines, mut pieces) = (Vec::new(), Vec::new());
        for piece in batch {
            let mut from = 0;
            for end in memchr::memchr_iter(b'\n', piece) {
                pieces.push(piece.slice(from..end));
                lines.push(Self::together(std::mem::take(&mut pieces)));
                from = end + 1;
            }
            pieces.push(piece.slice(from..));
        }
        lines.push(Self::together(pieces));
        lines.retain(|line| line.length > 0);
        lines
    }

    /// Length of the whole message in bytes.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Bytes that are kept.
    pub(crate) fn kept(&self) -> usize {
        self.runs.iter().map(Bytes::len).sum()
    }

    /// The same message; if it is longer than `whole`, only its first `beginning` bytes.
    pub(super) fn cut(&self, whole: usize, beginning: usize) -> Option<Self> {
        if self.length <= whole {
            return None;
        }
        let mut end = Vec::new();
        for run in self.runs.iter().rev() {
            let room = TAIL - end.len();
            end.splice(0..0, run[run.len().saturating_sub(room)..].iter().copied());
        }
        let mut first = Vec::with_capacity(beginning);
        for run in &*self.runs {
            let room = beginning - first.len();
            first.extend_from_slice(&run[..run.len().min(room)]);
        }
        Some(Self { length: self.length, runs: Runs::One(first.into()), tail: end.into() })
    }

    /// The last bytes of a truncated message.
    pub(super) fn tail(&self) -> &Bytes {
        &self.tail
    }

    /// The bytes in one piece.
    pub(crate) fn whole(&self) -> Cow<'_, [u8]> {
        match &self.runs {
            Runs::One(run) => Cow::Borrowed(run),
            Runs::Many(runs) => runs.concat().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_becomes_its_messages_wherever_it_is_cut() {
        let pieces = |parts: &[&'static str]| {
            let batch: Vec<_> =
                parts.iter().map(|part| Bytes::from_static(part.as_bytes())).collect();
            let lines = Payload::lines(&batch).into_iter();
            lines.map(|line| String::from_utf8(line.whole().to_vec()).unwrap()).collect::<Vec<_>>()
        };
        for parts in [
            &["{\"a\":1}\n{\"b\":2}\n"][..],
            &["{\"a\":1}\n", "{\"b\":2}\n"],
            &["{\"a\"", ":1}\n{\"b\":", "2}", "\n"],
            &["{\"a\":1}\n{\"b\":2}"],
        ] {
            assert_eq!(pieces(parts), ["{\"a\":1}", "{\"b\":2}"], "{parts:?}");
        }
    }

    #[test]
    fn what_is_long_is_shared_and_what_is_short_is_not() {
        let long = Bytes::from(vec![b'x'; COPY_BELOW]);
        assert_eq!(Payload::of(&long).whole().as_ptr(), long.as_ptr());
        let short = long.slice(..10);
        assert_ne!(Payload::of(&short).whole().as_ptr(), short.as_ptr());
    }

    #[test]
    fn a_message_that_is_too_long_keeps_its_beginning_and_its_length() {
        let payload = Payload::of(&Bytes::from(vec![b'x'; 100]));
        assert!(payload.cut(100, 10).is_none());
        let cut = payload.cut(99, 10).unwrap();
        assert_eq!(cut.tail().len(), 100);
        let pieces = Payload::together((0..100_u8).map(|n| Bytes::from(vec![n; 5])).collect());
        let end = pieces.cut(10, 3).unwrap();
        assert_eq!((end.tail().len(), end.tail()[0], end.tail()[255]), (TAIL, 48, 99));
        assert_eq!((cut.kept(), cut.length()), (10, 100));
    }
}
