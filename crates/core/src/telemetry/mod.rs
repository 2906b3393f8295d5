//! Targets of the core's `tracing` events; two of them are console lines.
//!
//! Scripts wait for some lines of the original, so those keep their text; a skin prints events of
//! these two targets verbatim to stdout and stderr.

pub(crate) mod audit;

pub use crate::runtime::allowance::Allowance;

use std::{borrow::Cow, fmt::Write as _, sync::Arc};

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::runtime::task;

/// Target of lines that belong on standard output, word for word.
pub const CONSOLE: &str = "mcp_proxy::console";
/// Target of lines that belong on standard error, word for word.
pub const CONSOLE_ERROR: &str = "mcp_proxy::console_error";
/// Target of the lines that a server writes to its standard error, if they become events.
pub const SERVER: &str = "mcp_proxy::server";
/// Target of the message traffic, for debugging. An event has the fields `direction` (`->` is
/// towards the server), `session` (the beginning of its id, or `-`), `summary` and `message`.
pub const TRAFFIC: &str = "mcp_proxy::traffic";

/// Target of refusals that matter for security. An event has the field `reason`, and if they are
/// known `peer`, `status`, `request` and `client` of an HTTP request, `issuer`, `subject` (a hash),
/// `method` and `tool` of a call, and `outcome`; never a secret.
pub const AUDIT: &str = "mcp_proxy::audit";

/// Target of the spans of calls, from a request to its answer. A span has the fields `method`,
/// `target` (the tool, prompt or resource), `session`, `traceparent` (the caller's) and, at its end,
/// `outcome`.
pub const CALLS: &str = "mcp_proxy::calls";

/// The name of the server that an event is about, if there are several; for use while the event is
/// handled. The skin decides how it is printed.
pub fn server() -> Option<Arc<str>> {
    task::server()
}

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

/// Prints a line with a secret on standard error; logs that are sent elsewhere must not contain it.
macro_rules! confide {
    ($($text:tt)+) => {
        ::tracing::error!(target: "mcp_proxy::console_error", secret = true, $($text)+)
    };
}

/// Records a message on its way, and its session; costs nothing unless the target is enabled.
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

/// A text for people, safe for terminals: control characters, and those that change the direction
/// of writing, become JSON escapes. Line breaks and tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |letter| is_obeyed(letter) && !matches!(letter, '\n' | '\t'))
}

/// The same on one line.
pub fn on_one_line(text: &str) -> Cow<'_, str> {
    escaped(text, is_obeyed)
}

fn is_obeyed(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '\n' if is_escaped(letter) => shown.push_str("\\n"),
            _ if is_escaped(letter) => {
                let written = write!(shown, "\\u{:04x}", u32::from(letter));
                debug_assert!(written.is_ok(), "a string takes everything");
            }
            _ => shown.push(letter),
        }
    }
    shown.into()
}

pub(crate) use {confide, console, console_error, console_warn, traffic};

/// The beginning of a session's id, enough to tell sessions apart.
pub(crate) fn short(session: Option<Uuid>) -> String {
    session.map_or_else(|| "-".to_owned(), |id| format!("{:08x}", id.as_fields().0))
}

/// A short description of a message: `tools/call echo #1`, `result #1`, `error -32602 #1`.
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

/// The name or URI that a call is about.
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
    fn nothing_is_shown_that_a_terminal_would_obey() {
        let text = "a\u{1b}[2Jb\rc\u{9b}31m\u{202e}d\te\nf\u{7f}";
        let shown = r"a\u001b[2Jb\u000dc\u009b31m\u202ed";
        assert_eq!(visible(text), format!("{shown}\te\nf\\u007f"));
        assert_eq!(on_one_line(text), format!(r"{shown}\u0009e\nf\u007f"));
        assert!(matches!(visible("plain\n\u{e9}\u{1f600}"), Cow::Borrowed(_)));
    }

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
