//! The messages of one HTTP answer, with either of the two content types.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderMap, header};
use reqwest::Response;
use tokio::task::yield_now;

use super::fault::{Fault, Kind, excerpt};
use crate::{
    codec::event_reader::{Event, EventReader},
    jsonrpc::{Body, Invalid, MAX_SERVER_BATCH, Message, is_odd, search, split},
    runtime::beside::beside,
    watch::{Frame, Payload, Point, ServerTag, TAP},
};

/// After this many bytes of events, other tasks run, however fast the server sends them.
const TURN: usize = 64 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads an answer.
#[derive(Debug)]
pub(super) struct Messages {
    source: Arc<Source>,
    response: Response,
    form: Form,
    ready: VecDeque<Message>,
    /// The beginning of the last event that was not a message.
    skipped: Option<String>,
    /// Bytes of events since other tasks last ran.
    in_turn: usize,
}

/// The sender of messages, and their longest length.
#[derive(Debug)]
pub(super) struct Source {
    /// The server as it is shown.
    pub(super) place: String,
    /// In bytes.
    pub(super) limit: usize,
    /// Tells it apart from other servers of this process.
    tag: ServerTag,
    /// Whether it was logged that some events are not messages.
    noticed: AtomicBool,
    /// Whether it was logged that messages are not quite valid.
    mended: AtomicBool,
}

impl Source {
    /// The server at this URL, with its name if it has one.
    pub(super) fn new(name: Option<&str>, place: String, limit: usize) -> Arc<Self> {
        let tag = TAP.server(name, place.clone(), None);
        Arc::new(Self {
            place,
            limit,
            tag,
            noticed: AtomicBool::default(),
            mended: AtomicBool::default(),
        })
    }

    /// Tells it apart from other servers of this process.
    pub(super) fn number(&self) -> u32 {
        self.tag.number()
    }

    /// A message is sent to it.
    pub(super) fn show_sent(&self, message: &Bytes) {
        let number = self.tag.number();
        TAP.show(|| Frame::new(Point::ToServer, Payload::of(message)).of_server(number));
    }

    /// A message came from it.
    fn show_received(&self, message: &Bytes) {
        let number = self.tag.number();
        TAP.show(|| Frame::new(Point::FromServer, Payload::of(message)).of_server(number));
    }

    /// Events that some servers send as messages: keep-alives, and the end marker of other
    /// protocols.
    fn skip(&self, data: &[u8], problem: &Invalid) {
        let beginning = excerpt(data);
        if self.noticed.swap(true, Ordering::Relaxed) {
            tracing::debug!("an event is not a message: {beginning}");
        } else {
            let place = &self.place;
            tracing::warn!(
                "{place} sends events that are not messages, which are skipped: {beginning} ({problem})"
            );
        }
    }
}

impl Source {
    /// Reads a text that may not be exactly one message or an array of them.
    async fn read(&self, text: &Bytes) -> Result<Body, Invalid> {
        let whole = text.clone();
        let (body, is_mended) = beside(text.len(), move || understand(&whole)).await;
        if is_mended && !self.mended.swap(true, Ordering::Relaxed) {
            let place = &self.place;
            tracing::warn!(
                "the messages of {place} are not quite JSON-RPC 2.0; what they mean is clear, so they \
                 are understood"
            );
        }
        body
    }
}

/// The messages of a text, and whether they are not quite valid.
fn understand(text: &Bytes) -> (Result<Body, Invalid>, bool) {
    let invalid = match split(text.clone(), MAX_SERVER_BATCH) {
        Ok(Body::One(message)) if is_odd(&message) => None,
        Ok(Body::Many(messages)) if messages.iter().any(is_odd) => None,
        Ok(body) => return (Ok(body), false),
        Err(invalid) => Some(invalid),
    };
    if std::str::from_utf8(text).is_err() {
        return (Err(invalid.unwrap_or(Invalid::Shape("an error in another form"))), false);
    }
    let found = search(text);
    match invalid {
        Some(invalid) if found.messages.is_empty() => (Err(invalid), found.is_mended),
        _ => (Ok(Body::Many(found.messages)), found.is_mended),
    }
}

#[derive(Debug)]
enum Form {
    Json,
    Events(Box<EventReader>),
    Ended,
}

impl Messages {
    /// The messages of this answer; `None` if its body is empty, a fault if it cannot contain
    /// messages.
    pub(super) async fn of(
        mut response: Response,
        source: &Arc<Source>,
    ) -> Result<Option<Self>, Fault> {
        let Source { place, limit, .. } = &**source;
        if let Some(coding) = coding(response.headers()) {
            let text = format!(
                "{place} answered with Content-Encoding: {coding}, which it was told not to use"
            );
            return Err(Fault::nonsense(text, b""));
        }
        let form = match content_type(response.headers()).as_str() {
            "text/event-stream" => Form::Events(Box::new(EventReader::new(*limit))),
            "application/json" => Form::Json,
            _ if response.content_length() == Some(0) => return Ok(None),
            other => {
                let what = if other.is_empty() { "no content type" } else { other };
                let text = format!("{place} answered with {what}, which cannot contain messages");
                let beginning = response.chunk().await.ok().flatten().unwrap_or_default();
                return Err(Fault::nonsense(text, &beginning));
            }
        };
        let source = Arc::clone(source);
        let ready = VecDeque::new();
        Ok(Some(Self { source, response, form, ready, skipped: None, in_turn: 0 }))
    }

    pub(super) fn is_event_stream(&self) -> bool {
        matches!(self.form, Form::Events(_))
    }

    /// Continues where another stream with the same messages ended.
    pub(super) fn resuming(mut self, last_id: String, retry: Option<Duration>) -> Self {
        let limit = self.source.limit;
        self.form = Form::Events(Box::new(EventReader::new(limit).resuming(last_id, retry)));
        self
    }

    /// Where the stream can be resumed, if it can.
    pub(super) fn last_id(&self) -> Option<&str> {
        match &self.form {
            Form::Events(reader) => reader.last_id().filter(|id| !id.is_empty()),
            _ => None,
        }
    }

    /// How long the server wants its client to wait before it reconnects.
    pub(super) fn retry(&self) -> Option<Duration> {
        match &self.form {
            Form::Events(reader) => reader.retry(),
            _ => None,
        }
    }

    /// The fault for those who still wait for a response when the answer ends.
    pub(super) fn ended_early(&self) -> Fault {
        let place = &self.source.place;
        let said = self.skipped.as_ref().filter(|said| !said.is_empty());
        let said = said.map(|said| format!("; its last event is not a message: {said}"));
        let text =
            format!("{place} ended its answer without a response{}", said.unwrap_or_default());
        Fault::new(Kind::Broken, text)
    }

    /// The next message; `None` at the end of the answer.
    pub(super) async fn next(&mut self) -> Result<Option<Message>, Fault> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(Some(message));
            }
            match &self.form {
                Form::Ended => return Ok(None),
                Form::Json => self.read_json().await?,
                Form::Events(_) => {
                    let Some(event) = self.next_event().await? else { return Ok(None) };
                    if event.is_message() {
                        self.queue_event(&event.data).await;
                    }
                }
            }
        }
    }

    /// The next event of an event stream; `None` at its end.
    pub(super) async fn next_event(&mut self) -> Result<Option<Event>, Fault> {
        let Form::Events(reader) = &mut self.form else { return Ok(None) };
        loop {
            match reader.next_event() {
                Ok(Some(event)) => return Ok(Some(event)),
                Ok(None) => {}
                Err(_) => return Err(too_long(&self.source)),
            }
            if self.in_turn >= TURN {
                self.in_turn = 0;
                yield_now().await;
            }
            let read = self.response.chunk().await;
            match read.map_err(|error| Fault::of_answer(&self.source.place, error))? {
                Some(chunk) => {
                    self.in_turn += chunk.len();
                    reader.push(&chunk);
                }
                None => return Ok(None),
            }
        }
    }

    async fn read_json(&mut self) -> Result<(), Fault> {
        let mut body = BytesMut::new();
        loop {
            let read = self.response.chunk().await;
            let read = read.map_err(|error| Fault::of_answer(&self.source.place, error))?;
            let Some(chunk) = read else { break };
            if body.len() + chunk.len() > self.source.limit {
                return Err(too_long(&self.source));
            }
            body.extend_from_slice(&chunk);
        }
        self.form = Form::Ended;
        if body.starts_with(BYTE_ORDER_MARK) {
            body.advance(BYTE_ORDER_MARK.len());
        }
        if body.trim_ascii().is_empty() { Ok(()) } else { self.queue(&body.freeze()).await }
    }

    async fn queue(&mut self, text: &Bytes) -> Result<(), Fault> {
        self.source.show_received(text);
        match self.source.read(text).await {
            Ok(Body::One(message)) => self.ready.push_back(message),
            Ok(Body::Many(messages)) => self.ready.extend(messages),
            Err(invalid) => {
                let said = format!(
                    "{} sent something that is not a message: {invalid}",
                    self.source.place
                );
                return Err(Fault::nonsense(said, text));
            }
        }
        Ok(())
    }

    async fn queue_event(&mut self, data: &Bytes) {
        self.source.show_received(data);
        match self.source.read(data).await {
            Ok(Body::One(message)) => self.ready.push_back(message),
            Ok(Body::Many(messages)) => self.ready.extend(messages),
            Err(invalid) => {
                self.source.skip(data, &invalid);
                self.skipped = Some(excerpt(data));
            }
        }
    }
}

/// A content coding that was not requested.
fn coding(headers: &HeaderMap) -> Option<String> {
    let codings = headers.get_all(header::CONTENT_ENCODING).into_iter();
    let mut codings = codings.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    let coding = codings.find(|coding| {
        !coding.trim().is_empty() && !coding.trim().eq_ignore_ascii_case("identity")
    })?;
    Some(excerpt(coding.trim().as_bytes()))
}

fn too_long(Source { place, limit, .. }: &Source) -> Fault {
    let text = format!("{place} sent a message of more than {limit} bytes (--maxLineSize)");
    Fault::new(Kind::Final, text).after_sending()
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = value.unwrap_or_default().split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}
