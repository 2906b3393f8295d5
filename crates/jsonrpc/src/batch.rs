//! A request body or line: one message or an array of them (JSON-RPC batch, MCP 2025-03-26).

use bytes::Bytes;

use super::{
    envelope::{Invalid, Message, Parts, check_utf8, without_breaks},
    json::Scanner,
};

/// Most messages in one array from a client.
pub const MAX_BATCH: usize = 100;
/// Most messages in one array from a server. Servers answer calls that were sent alone, so they
/// have little reason to send arrays.
pub const MAX_SERVER_BATCH: usize = 1000;

/// The content of a body.
#[derive(Debug)]
pub enum Body {
    /// A single message.
    One(Message),
    /// The messages of an array, in order; at least one.
    Many(Vec<Message>),
}

/// Scans a body. An array is split into its messages; reading stops if there are more than `most`.
/// A message that makes up most of the body shares its bytes. Others are copied: a call may be kept
/// for long, and must not keep the whole body alive.
pub fn split(bytes: Bytes, most: usize) -> Result<Body, Invalid> {
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'[') {
        return Message::parse(bytes).map(Body::One);
    }
    check_utf8(&bytes)?;
    let mut scanner = Scanner::new(&bytes)?;
    let elements = scan_elements(&bytes, &mut scanner, most)?;
    let bytes = if scanner.breaks() { without_breaks(&bytes) } else { bytes.clone() };
    elements
        .into_iter()
        .map(|(start, end, parts)| {
            let message = bytes.slice(start..end);
            let is_most = message.len() > bytes.len() / 2;
            let message = if is_most { message } else { Bytes::copy_from_slice(&message) };
            Message::assemble(message, parts)
        })
        .collect::<Result<_, _>>()
        .map(Body::Many)
}

/// Finds the messages. The index entry of a message is larger than the smallest JSON text, so the
/// scan ends at the first element that is not a message, and nothing of it is kept.
fn scan_elements(
    bytes: &[u8],
    scanner: &mut Scanner<'_>,
    most: usize,
) -> Result<Vec<(usize, usize, Parts)>, Invalid> {
    let mut elements = Vec::new();
    scanner.expect(b'[', "expected an array")?;
    if scanner.peek() == Some(b']') {
        scanner.expect(b']', "expected ]")?;
        scanner.finish()?;
        return Ok(elements);
    }
    loop {
        match scanner.peek() {
            Some(b'{') if elements.len() == most => return Err(Invalid::TooMany(most)),
            Some(b'{' | b'[' | b'"' | b't' | b'f' | b'n' | b'-' | b'0'..=b'9') => {}
            _ => return Err(scanner.error("expected a value").into()),
        }
        let start = scanner.at();
        let parts = Parts::scan(scanner, start)?;
        parts.kind(bytes.get(start..scanner.at()).unwrap_or_default())?;
        elements.push((start, scanner.at(), parts));
        if scanner.peek() == Some(b',') {
            scanner.expect(b',', "expected ,")?;
        } else {
            scanner.expect(b']', "expected , or ]")?;
            scanner.finish()?;
            return Ok(elements);
        }
    }
}
