//! A request body or line: one message or an array of them (JSON-RPC batch, MCP 2025-03-26).

use bytes::Bytes;

use super::{
    envelope::{Invalid, Message, Parts, check_utf8, without_breaks},
    json::Scanner,
};

/// Most messages in one array.
pub(crate) const MAX_BATCH: usize = 100;

/// What a body holds.
#[derive(Debug)]
pub(crate) enum Body {
    One(Message),
    Many(Vec<Message>),
}

/// Scans a body. An array is split into its messages, which share the body's bytes.
pub(crate) fn split(bytes: Bytes) -> Result<Body, Invalid> {
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'[') {
        return Message::parse(bytes).map(Body::One);
    }
    check_utf8(&bytes)?;
    let mut scanner = Scanner::new(&bytes)?;
    let elements = scan_elements(&mut scanner)?;
    let bytes = if scanner.breaks() { without_breaks(&bytes) } else { bytes.clone() };
    elements
        .into_iter()
        .map(|(start, end, parts)| Message::assemble(bytes.slice(start..end), parts))
        .collect::<Result<_, _>>()
        .map(Body::Many)
}

fn scan_elements(scanner: &mut Scanner<'_>) -> Result<Vec<(usize, usize, Parts)>, Invalid> {
    let mut elements = Vec::new();
    scanner.expect(b'[', "expected an array")?;
    if scanner.peek() == Some(b']') {
        scanner.expect(b']', "expected ]")?;
        scanner.finish()?;
        return Ok(elements);
    }
    loop {
        scanner.peek();
        let start = scanner.at();
        let parts = Parts::scan(scanner, start)?;
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
