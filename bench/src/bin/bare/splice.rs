//! Finds the id and the progress token of a message. It relies on the spelling of the load
//! generator and the echo server (no spaces, the id first), which a real proxy must not do.

use std::ops::Range;

use memchr::memmem;

const ID: &[u8] = b"\"id\":";
const TOKEN: &[u8] = b"\"progressToken\":";
const ID_WITHIN: usize = 64;

/// The id's bytes, where the message has one.
pub(crate) fn id(message: &[u8]) -> Option<Range<usize>> {
    let head = &message[..message.len().min(ID_WITHIN)];
    scalar(message, memmem::find(head, ID)? + ID.len())
}

/// The progress token's bytes, where the message has one.
pub(crate) fn progress_token(message: &[u8]) -> Option<Range<usize>> {
    scalar(message, memmem::find(message, TOKEN)? + TOKEN.len())
}

/// The number in `span`, as written by this relay and returned by the child.
pub(crate) fn slot(message: &[u8], span: Range<usize>) -> Option<usize> {
    std::str::from_utf8(&message[span]).ok()?.parse().ok()
}

fn scalar(message: &[u8], start: usize) -> Option<Range<usize>> {
    let length = message[start..].iter().position(|byte| matches!(byte, b',' | b'}'))?;
    Some(start..start + length)
}
