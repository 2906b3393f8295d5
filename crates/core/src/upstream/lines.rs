//! Finds messages in the lines that a server writes.

use std::{mem, sync::Arc};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::{
    codec::line::{Line, LineBuffer, classify},
    jsonrpc::{Body, Found, MAX_SERVER_BATCH, Message, is_odd, search, split},
    relay::Volume,
    runtime::beside::beside,
    telemetry::console_warn,
    watch::{Frame, Payload, Point, TAP},
};

/// After this many bytes of messages, other tasks run, however fast the server writes: otherwise a
/// burst would be queued completely before its first message is sent.
const TURN: usize = 64 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    buffer: LineBuffer,
    limit: usize,
    batch: std::vec::IntoIter<Message>,
    ended: bool,
    volume: Arc<Volume>,
    /// The server's number.
    server: u32,
    /// Bytes of messages since other tasks last ran.
    in_turn: usize,
    has_read: bool,
    /// Whether the server was found to write messages that are not quite valid.
    has_mended: bool,
    /// The prefix of log lines about it.
    front: String,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, limit: usize) -> Self {
        let buffer = LineBuffer::new(limit);
        let volume = Arc::default();
        let batch = Vec::new().into_iter();
        Self {
            reader,
            buffer,
            limit,
            batch,
            ended: false,
            volume,
            server: 0,
            in_turn: 0,
            has_read: false,
            has_mended: false,
            front: String::new(),
        }
    }

    /// Counts what is read.
    pub(super) fn counted(self, volume: Arc<Volume>) -> Self {
        Self { volume, ..self }
    }

    /// Sets the name of the server that writes the lines.
    pub(super) fn of_server(self, server: u32) -> Self {
        Self { server, ..self }
    }

    /// Logs under this name.
    pub(super) fn named(self, name: Option<&str>) -> Self {
        let front = name.map_or_else(String::new, |name| format!("{name}: "));
        Self { front, ..self }
    }

    /// Whether anything was read.
    pub(super) fn has_read(&self) -> bool {
        self.has_read
    }

    /// The next message; `None` at the end of the output, an error if it cannot be read any
    /// further.
    pub(super) async fn next(&mut self) -> Result<Option<Message>, String> {
        loop {
            if let Some(message) = self.batch.next() {
                return Ok(Some(message));
            }
            match self.buffer.next_line() {
                Ok(Some(line)) => {
                    self.in_turn += line.len();
                    if let Some(message) = self.message(line).await {
                        return Ok(Some(message));
                    }
                }
                Ok(None) if self.ended => return Ok(None),
                Ok(None) => self.read().await?,
                Err(_) => {
                    let limit = self.limit;
                    return Err(format!(
                        "it wrote a line of more than {limit} bytes; --maxLineSize sets the limit"
                    ));
                }
            }
        }
    }

    async fn read(&mut self) -> Result<(), String> {
        if self.in_turn >= TURN {
            self.in_turn = 0;
            tokio::task::yield_now().await;
        }
        let count = self.reader.read_buf(self.buffer.room()).await;
        let count = count.map_err(|error| format!("its output cannot be read: {error}"))?;
        self.volume.read(count);
        self.has_read |= count > 0;
        if count == 0 {
            self.ended = true;
            let rest = self.buffer.rest();
            let first = self.message(rest).await;
            let messages = first.into_iter().chain(mem::take(&mut self.batch));
            self.batch = messages.collect::<Vec<_>>().into_iter();
        }
        Ok(())
    }

    async fn message(&mut self, line: Bytes) -> Option<Message> {
        if !line.is_empty() {
            TAP.show(|| Frame::new(Point::FromServer, Payload::of(&line)).of_server(self.server));
        }
        match beside(line.len(), move || Content::of(line)).await {
            Content::Blank => None,
            Content::Noise(text) => {
                let (front, text) = (&self.front, shown(&text));
                console_warn!("[mcp-proxy] {front}ignoring non-JSON output [ '{text}' ]");
                None
            }
            Content::Unreadable => {
                tracing::warn!("the server wrote a line that is not UTF-8");
                None
            }
            Content::Messages(Body::One(message)) => Some(message),
            Content::Messages(Body::Many(messages)) => self.take(messages),
            Content::Found { found, is_replaced } => {
                if is_replaced {
                    tracing::warn!("the server wrote invalid UTF-8; it is replaced by U+FFFD");
                }
                self.take_found(found)
            }
        }
    }

    /// Takes the messages of a line that is not exactly one.
    #[cold]
    fn take_found(&mut self, found: Found) -> Option<Message> {
        for noise in &found.noise {
            let (front, noise) = (&self.front, shown(noise));
            if found.messages.is_empty() {
                console_warn!(
                    "[mcp-proxy] {front}ignoring output that is not a message [ '{noise}' ]"
                );
            } else {
                console_warn!("[mcp-proxy] {front}stripped non-JSON prefix from output: {noise}");
            }
        }
        if let Some(error) = found.unreadable {
            tracing::warn!(%error, "the server wrote a line that is not a message");
        }
        if found.is_mended && !mem::replace(&mut self.has_mended, true) {
            tracing::warn!(
                "the MCP server's messages are not quite JSON-RPC 2.0 (a member is null or in another \
                 form, or \"jsonrpc\" is missing or wrong); what they mean is clear, so they are understood"
            );
        }
        self.take(found.messages)
    }

    fn take(&mut self, messages: Vec<Message>) -> Option<Message> {
        self.batch = messages.into_iter();
        self.batch.next()
    }
}

/// The content of a line.
enum Content {
    Blank,
    /// No message.
    Noise(Bytes),
    /// It is not UTF-8.
    Unreadable,
    Messages(Body),
    /// Messages among other text.
    Found {
        found: Found,
        /// Whether U+FFFD replaces invalid UTF-8.
        is_replaced: bool,
    },
}

impl Content {
    fn of(line: Bytes) -> Self {
        match classify(line) {
            Line::Blank => Self::Blank,
            Line::Noise(text) => Self::Noise(text),
            Line::Mixed(text) => Self::search(&text),
            Line::Candidate(text) => match split(text.clone(), MAX_SERVER_BATCH) {
                Ok(Body::One(message)) if is_odd(&message) => Self::search(&text),
                Ok(Body::Many(messages)) if messages.iter().any(is_odd) => Self::search(&text),
                Ok(body) => Self::Messages(body),
                Err(_) => Self::search(&text),
            },
        }
    }

    /// Looks for messages in a line that is not exactly one.
    #[cold]
    fn search(line: &Bytes) -> Self {
        if std::str::from_utf8(line).is_ok() {
            return Self::Found { found: search(line), is_replaced: false };
        }
        match readable(line) {
            Some(line) => Self::Found { found: search(&line), is_replaced: true },
            None => Self::Unreadable,
        }
    }
}

/// Most invalid UTF-8 sequences of a line that are replaced; each replacement is longer than the
/// original.
const MAX_REPLACED: usize = 1024;
/// Most of a line that is shown to people.
const MAX_SHOWN: usize = 1024;

/// The text with U+FFFD for invalid UTF-8, unless there is too much of it.
fn readable(text: &[u8]) -> Option<Bytes> {
    let mut readable = String::with_capacity(text.len());
    let mut replaced = 0;
    for chunk in text.utf8_chunks() {
        readable.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            replaced += 1;
            readable.push(char::REPLACEMENT_CHARACTER);
        }
        if replaced > MAX_REPLACED {
            return None;
        }
    }
    Some(readable.into())
}

/// The beginning of a server's text for people, without control characters.
fn shown(text: &[u8]) -> String {
    let beginning = String::from_utf8_lossy(&text[..text.len().min(MAX_SHOWN)]);
    let beginning = beginning.trim().replace(char::is_control, "\u{fffd}");
    match text.len().saturating_sub(MAX_SHOWN) {
        0 => beginning,
        more => format!("{beginning} … ({more} bytes more)"),
    }
}
