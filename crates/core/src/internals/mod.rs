//! Access for fuzzers and benches. Nothing here is part of the public API.
//!
//! A check takes any bytes and panics if a property is violated. Tests run the stored corpora
//! through the checks.

mod config;
pub mod costs;
mod crossing;
mod eras;
pub mod hot;

pub use config::config;
pub use crossing::{Case, Emitted};
pub use eras::{dialogue, modern_server, modern_to_legacy};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    codec,
    downstream::{self, http::session},
    era, identity,
    jsonrpc::{self, Kind, Message, find_member},
    protocol::header::{mirror, value},
    relay,
};

/// A fuzz target: its name, which is also that of its corpus, and its check.
pub type Target = (&'static str, fn(&[u8]));

/// All fuzz targets of this crate.
pub const TARGETS: [Target; 17] = [
    ("envelope", envelope),
    ("splice", splice),
    ("line", line),
    ("event_stream", event_stream),
    ("header", header),
    ("classifier", classifier),
    ("replay", replay),
    ("modern_to_legacy", modern_to_legacy),
    ("modern_server", modern_server),
    ("dialogue", dialogue),
    ("config", config),
    ("token", token),
    ("identity_documents", identity_documents),
    ("challenge", challenge),
    ("merged_names", merged_names),
    ("cursor", cursor),
    ("request_head", request_head),
];

/// Scans a message or a batch.
pub fn envelope(bytes: &[u8]) {
    jsonrpc::oracle::check_envelope(bytes);
    jsonrpc::oracle::check_batch(bytes);
}

/// Replaces the id and the progress token of a message, and restores them.
pub fn splice(bytes: &[u8]) {
    jsonrpc::oracle::check_splice(bytes);
}

/// Reads lines; the first bytes are the limit, the number of chunks, and their lengths.
pub fn line(bytes: &[u8]) {
    let [limit, count, rest @ ..] = bytes else { return };
    let (chunks, text) = rest.split_at(rest.len().min(usize::from(count % 16)));
    let chunks: Vec<usize> = chunks.iter().copied().map(usize::from).collect();
    codec::oracle::check_lines(text, &chunks, usize::from(*limit));
}

/// Writes an event; its id is the text before the first line break.
pub fn event_stream(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (id, payload) = text.split_once('\n').unwrap_or((text, ""));
    codec::oracle::check_event(id, payload);
}

/// Decodes a header value, and compares a header with a name.
pub fn header(bytes: &[u8]) {
    let Ok(text) = value::decode(bytes) else { return };
    let encoded = value::encode(&text);
    assert_eq!(value::decode(encoded.as_bytes()).as_ref(), Ok(&text));
    if let Ok(sent) = HeaderValue::from_bytes(bytes) {
        let headers = HeaderMap::from_iter([(HeaderName::from_static("mcp-name"), sent)]);
        assert_eq!(mirror::check_name(&headers, &text), Ok(()));
    }
}

/// Checks a token; the first byte selects the preset.
pub fn token(bytes: &[u8]) {
    identity::oracle::check_token(bytes);
}

/// Reads documents of issuers and operators: metadata, keys, lists of tokens.
pub fn identity_documents(bytes: &[u8]) {
    identity::oracle::check_documents(bytes);
}

/// Writes a challenge: a line for the metadata, and one for each scope.
pub fn challenge(bytes: &[u8]) {
    identity::oracle::check_challenge(bytes);
}

/// Finds the era of a message; its headers are the lines before it, up to an empty one.
pub fn classifier(bytes: &[u8]) {
    use era::{
        Era,
        classify::{Posted, PostedKind, classify, validate},
    };
    let blank = bytes.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = blank.map_or((&b""[..], bytes), |at| (&bytes[..at], &bytes[at + 2..]));
    let headers: HeaderMap = head.split(|&byte| byte == b'\n').filter_map(header_line).collect();
    let Ok(message) = Message::parse(Bytes::copy_from_slice(body)) else { return };
    let version = message
        .meta()
        .and_then(|meta| find_member(message.bytes(), meta, era::metadata::PROTOCOL_VERSION));
    let (method, name) = (message.method(), message.uri());
    let posted = Posted {
        kind: match message.kind() {
            Kind::Request => PostedKind::Request,
            Kind::Notification => PostedKind::Notification,
            Kind::Result | Kind::Error => PostedKind::Response,
        },
        method: &method,
        meta: message.meta().map(|meta| message.text(meta)),
        claims_version: version.is_some(),
        name: name.as_deref(),
    };
    drop(era::opening::Opening::default().sort(&message));
    let era = classify(&posted, &headers);
    if posted.claims_version && method != "initialize" && posted.kind != PostedKind::Response {
        assert_ne!(era, Ok(Era::Legacy));
    }
    if let Ok(metadata) = validate(&posted, &headers) {
        assert_eq!(metadata.version, "2026-07-28");
    }
}

fn header_line(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let name = HeaderName::from_bytes(&line[..colon]).ok()?;
    Some((name, HeaderValue::from_bytes(&line[colon + 1..]).ok()?))
}

/// Makes and reads merged names.
pub fn merged_names(bytes: &[u8]) {
    relay::merged::oracle::check_names(bytes);
}

/// Scans a request head; the first byte is the size of the pieces in which it arrives.
pub fn request_head(bytes: &[u8]) {
    let [step, head @ ..] = bytes else { return };
    downstream::http::head::oracle::check(head, usize::from(*step));
}

/// Reads a cursor of a merged list.
pub fn cursor(bytes: &[u8]) {
    relay::merged::oracle::check_cursor(bytes);
}

/// Plays a session; the first two bytes limit its event store, each further pair is an act.
pub fn replay(bytes: &[u8]) {
    let [max_events, max_bytes, acts @ ..] = bytes else { return };
    let acts: Vec<_> = acts.chunks_exact(2).take(200).map(|pair| act(pair[0], pair[1])).collect();
    session::model::run(&acts, usize::from(*max_events).max(1), usize::from(*max_bytes) * 8);
}

fn act(kind: u8, argument: u8) -> session::model::Act {
    use session::model::{Act, STREAMS};
    let (on, argument) = (usize::from(kind >> 4) % STREAMS, usize::from(argument));
    match kind & 0xf {
        0 => Act::Finish { on },
        1 | 2 => Act::Break { on, percent: argument % 101 },
        3 => Act::Stall { on },
        4 => Act::Notice { on },
        5 => Act::Dismiss { on },
        6..=8 => Act::Reconnect { on },
        9 | 10 => Act::Read { on },
        _ => Act::Write { on, length: argument },
    }
}

#[cfg(test)]
mod tests;
