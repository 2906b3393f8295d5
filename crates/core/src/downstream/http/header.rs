//! The header fields of MCP that the endpoints read and write.

use http::{HeaderMap, HeaderName, HeaderValue};

pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The session that a request names; an empty name counts as missing.
pub(super) fn session_id(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(&SESSION_ID).iter();
    let first = values.next()?;
    let is_alone = values.next().is_none();
    if is_alone && first.as_bytes().trim_ascii().is_empty() {
        return None;
    }
    Some(readable(first, is_alone))
}

/// A header's text; an unreadable one counts as empty, which names no session.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    Some(readable(first, values.next().is_none()))
}

/// The text of a header that is given once.
fn readable(value: &HeaderValue, is_alone: bool) -> &str {
    if is_alone { value.to_str().unwrap_or_default() } else { "" }
}
