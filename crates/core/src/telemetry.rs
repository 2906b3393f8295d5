//! Where the core's words go: `tracing` events, two targets of which are console lines.
//!
//! Scripts wait for some lines that the original prints, so those keep their text; a skin prints
//! events of these two targets verbatim to stdout and stderr.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// Target of lines that belong on standard output, word for word.
pub const CONSOLE: &str = "mcp_proxy::console";
/// Target of lines that belong on standard error, word for word.
pub const CONSOLE_ERROR: &str = "mcp_proxy::console_error";
/// Target of the lines that a server writes to its standard error, where they are events.
pub const SERVER: &str = "mcp_proxy::server";
/// Target of the message traffic, for debugging. An event has the fields `direction` (`->` is to
/// the server), `session` (the beginning of its id, or `-`), `summary` and `message`.
pub const TRAFFIC: &str = "mcp_proxy::traffic";

/// Target of the spans of calls, from a request to its answer. A span has the fields `method`,
/// `target` (the tool, prompt or resource), `session`, `traceparent` (the caller's) and, at its end,
/// `outcome`.
pub const CALLS: &str = "mcp_proxy::calls";

/// Prints a line on standard output.
macro_rules! console {
    ($($text:tt)+) => { ::tracing::info!(target: "mcp_proxy::console", $($text)+) };
}

/// Prints a line on standard error.
macro_rules! console_error {
    ($($text:tt)+) => { ::tracing::error!(target: "mcp_proxy::console_error", $($text)+) };
}

/// Prints a line on standard error that is a warning.
macro_rules! console_warn {
    ($($text:tt)+) => { ::tracing::warn!(target: "mcp_proxy::console_error", $($text)+) };
}

/// Notes a message on its way, and whose it is; costs nothing unless somebody listens.
macro_rules! traffic {
    ($direction:literal, $bytes:expr) => {
        $crate::telemetry::traffic!($direction, $bytes, None::<::uuid::Uuid>)
    };
    ($direction:literal, $bytes:expr, $session:expr) => {
        ::tracing::debug!(
            target: "mcp_proxy::traffic",
            direction = $direction,
            session = $crate::telemetry::short($session),
            summary = $crate::telemetry::summary($bytes),
            "{}",
            String::from_utf8_lossy($bytes)
        )
    };
}

pub(crate) use {console, console_error, console_warn, traffic};

/// Enough of a session's id to tell it from others.
pub(crate) fn short(session: Option<Uuid>) -> String {
    session.map_or_else(|| "-".to_owned(), |id| format!("{:08x}", id.as_fields().0))
}

/// What a message is in a few words: `tools/call echo #1`, `result #1`, `error -32602 #1`.
pub(crate) fn summary(message: &[u8]) -> String {
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(message) else {
        return "?".to_owned();
    };
    let mut words = Vec::new();
    match (envelope.method, envelope.error) {
        (Some(method), _) => words.push(method.into_owned()),
        (None, Some(error)) => words.push(format!("error {}", error.code)),
        (None, None) => words.push("result".to_owned()),
    }
    let target = envelope.params.and_then(|params| serde_json::from_str(params.get()).ok());
    words.extend(target.and_then(|Target { name, uri }| name.or(uri)).map(Cow::into_owned));
    words.extend(envelope.id.map(|id| format!("#{}", id.get())));
    words.join(" ")
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    error: Option<ErrorCode>,
}

#[derive(Deserialize)]
struct ErrorCode {
    code: i64,
}

/// The thing that a call is about.
#[derive(Deserialize)]
struct Target<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    uri: Option<Cow<'a, str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart_at_a_glance() {
        for (message, expected) in [
            (r#"{"id":1,"method":"tools/call","params":{"name":"echo"}}"#, "tools/call echo #1"),
            (
                r#"{"id":"a","method":"resources/read","params":{"uri":"x:y"}}"#,
                r#"resources/read x:y #"a""#,
            ),
            (r#"{"method":"notifications/initialized"}"#, "notifications/initialized"),
            (r#"{"id":1.0,"result":{"name":"x"}}"#, "result #1.0"),
            (r#"{"id":null,"error":{"code":-32602,"message":"m"}}"#, "error -32602"),
            (r#"{"id":1,"method":"x","params":[]}"#, "x #1"),
            ("{", "?"),
        ] {
            assert_eq!(summary(message.as_bytes()), expected, "{message}");
        }
    }
}
