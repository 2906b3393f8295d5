//! The most expensive steps of a call, and the whole path without sockets, for benches.

mod crowd;
mod pending;
mod road;
mod server;

pub use crowd::Crowd;
pub use pending::Pending;
pub use road::{ModernRoad, Road};

use bytes::Bytes;

use crate::{
    codec::event_stream::{END, EventId},
    jsonrpc::{Assembly, Edit, Message, Pieces},
};

/// A call with one argument of this length.
pub fn request(length: usize) -> Bytes {
    let text = "x".repeat(length);
    format!(
        r#"{{"jsonrpc":"2.0","id":"c-1","method":"tools/call","params":{{"name":"echo","arguments":{{"text":"{text}"}},"_meta":{{"progressToken":7}}}}}}"#
    )
    .into()
}

/// The same for 2026-07-28.
pub fn modern_request(length: usize) -> Bytes {
    let text = "x".repeat(length);
    format!(
        r#"{{"jsonrpc":"2.0","id":"c-1","method":"tools/call","params":{{"name":"echo","arguments":{{"text":"{text}"}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{{"name":"bench","version":"1"}},"io.modelcontextprotocol/clientCapabilities":{{}},"progressToken":7}}}}}}"#
    )
    .into()
}

/// A log message, which all clients get.
pub fn notification() -> Bytes {
    Bytes::from_static(
        br#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"something happened"}}"#,
    )
}

/// A scanned message.
#[derive(Clone, Debug)]
pub struct Scanned(Message);

/// Scans a message; `None` if it is malformed.
pub fn scan(bytes: Bytes) -> Option<Scanned> {
    Message::parse(bytes).ok().map(Scanned)
}

/// The byte runs of the message with another id, as a line.
pub fn splice(message: &Scanned, id: &[u8]) -> Vec<Bytes> {
    let edits: Vec<_> =
        message.0.id_span().map(|span| Edit { span, with: id }).into_iter().collect();
    let mut queue = Pieces::default();
    queue.push(&Assembly { before: b"", source: message.0.bytes(), edits: &edits, behind: b"\n" });
    queue.drain()
}

/// The byte runs of the message as an event.
pub fn event(message: &Scanned, number: u64) -> Vec<Bytes> {
    let prelude = EventId { stream: 1, number }.message();
    let source = message.0.bytes();
    let mut queue = Pieces::default();
    queue.push(&Assembly { before: prelude.as_bytes(), source, edits: &[], behind: END });
    queue.drain()
}
