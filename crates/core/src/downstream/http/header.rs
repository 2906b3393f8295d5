//! The header fields of MCP that the endpoints read and write.

use http::{HeaderMap, HeaderName, HeaderValue};

pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The session that a request names; an empty name counts as missing.
pub(super) fn session_id(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(&SESSION_ID).iter();
    let is_empty = |value: &HeaderValue| value.as_bytes().trim_ascii().is_empty();
    if values.next().is_some_and(is_empty) && values.next().is_none() {
        return None;
    }
    text(headers, &SESSION_ID)
}

/// A header's text; an unreadable one counts as empty, which names no session.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    Some(if values.next().is_some() { "" } else { first.to_str().unwrap_or_default() })
}
