//! Declares UTF-8 on content types that are always UTF-8, for clients that assume otherwise.

use http::{HeaderMap, HeaderValue, header};

/// Content types to which the charset is added.
const UTF8_TYPES: [&str; 2] = ["application/json", "text/event-stream"];

/// Adds `charset=utf-8` to JSON and event streams that name no charset.
pub(super) fn normalise(headers: &mut HeaderMap) {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok())
    else {
        return;
    };
    let essence = value.split(';').next().unwrap_or_default().trim();
    let listed = UTF8_TYPES.iter().any(|known| essence.eq_ignore_ascii_case(known));
    if !listed || value.to_ascii_lowercase().contains("charset=") {
        return;
    }
    if let Ok(value) = HeaderValue::try_from(format!("{value}; charset=utf-8")) {
        headers.insert(header::CONTENT_TYPE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_and_event_streams_without_a_charset_are_changed() {
        for (given, expected) in [
            ("application/json", "application/json; charset=utf-8"),
            ("Text/Event-Stream", "Text/Event-Stream; charset=utf-8"),
            ("application/json; q=1", "application/json; q=1; charset=utf-8"),
            ("application/json;CHARSET=latin1", "application/json;CHARSET=latin1"),
            ("application/problem+json", "application/problem+json"),
            ("text/plain", "text/plain"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, given.parse().unwrap());
            normalise(&mut headers);
            assert_eq!(headers[header::CONTENT_TYPE], expected);
        }
    }
}
