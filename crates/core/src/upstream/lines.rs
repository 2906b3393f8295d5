//! Messages among the lines that a server writes.

use std::{mem, sync::Arc};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::{
    codec::line::{Line, LineBuffer, classify},
    jsonrpc::{Body, Invalid, MAX_SERVER_BATCH, Message, split},
    relay::Volume,
    telemetry::console_error,
};

/// After so many bytes of messages those who pass them on get their turn, however fast the server
/// writes: otherwise a burst would be queued to its end before its first message is sent.
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
    /// Bytes of messages since others had their turn.
    in_turn: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, limit: usize) -> Self {
        let buffer = LineBuffer::new(limit);
        let volume = Arc::default();
        let batch = Vec::new().into_iter();
        Self { reader, buffer, limit, batch, ended: false, volume, in_turn: 0 }
    }

    /// Counts what is read.
    pub(super) fn counted(self, volume: Arc<Volume>) -> Self {
        Self { volume, ..self }
    }

    /// The next message; `None` at the end of the output, an error if it cannot be read on.
    pub(super) async fn next(&mut self) -> Result<Option<Message>, String> {
        loop {
            if let Some(message) = self.batch.next() {
                return Ok(Some(message));
            }
            match self.buffer.next_line() {
                Ok(Some(line)) => {
                    self.in_turn += line.len();
                    if let Some(message) = self.message(line) {
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
        if count == 0 {
            self.ended = true;
            let rest = self.buffer.rest();
            let first = self.message(rest);
            let messages = first.into_iter().chain(mem::take(&mut self.batch));
            self.batch = messages.collect::<Vec<_>>().into_iter();
        }
        Ok(())
    }

    fn message(&mut self, line: Bytes) -> Option<Message> {
        match classify(line) {
            Line::Blank => None,
            Line::Noise(text) => {
                let text = shown(&text);
                console_error!("[mcp-proxy] ignoring non-JSON output [ '{text}' ]");
                None
            }
            Line::Prefixed { noise, candidate } => {
                let noise = shown(&noise);
                console_error!("[mcp-proxy] stripped non-JSON prefix from output: {noise}");
                self.parse(&candidate)
            }
            Line::Candidate(text) => self.parse(&text),
        }
    }

    fn parse(&mut self, text: &Bytes) -> Option<Message> {
        let body = match split(text.clone(), MAX_SERVER_BATCH) {
            Err(Invalid::Utf8(_)) => {
                let Some(text) = readable(text) else {
                    tracing::warn!("the server wrote a line that is not UTF-8");
                    return None;
                };
                tracing::warn!("the server wrote invalid UTF-8; it is replaced by U+FFFD");
                split(text, MAX_SERVER_BATCH)
            }
            body => body,
        };
        match body {
            Ok(Body::One(message)) => Some(message),
            Ok(Body::Many(messages)) => {
                self.batch = messages.into_iter();
                self.batch.next()
            }
            Err(error) => {
                tracing::warn!(%error, "the server wrote a line that is no message");
                None
            }
        }
    }
}

/// Most places of a line that are no UTF-8, and are replaced; each takes more room than it had.
const MAX_REPLACED: usize = 1024;
/// Most of a line that is shown to people.
const MAX_SHOWN: usize = 1024;

/// The text with U+FFFD for what is no UTF-8, unless that is much of it.
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

/// The beginning of what a server wrote, for people.
fn shown(text: &[u8]) -> String {
    let beginning = String::from_utf8_lossy(&text[..text.len().min(MAX_SHOWN)]).into_owned();
    match text.len().saturating_sub(MAX_SHOWN) {
        0 => beginning,
        more => format!("{beginning} … ({more} bytes more)"),
    }
}
