//! Copies the W3C Trace Context of HTTP headers into messages, for servers that do not see the
//! headers.
//!
//! The keys are those that MCP reserves in `_meta`. A message that has a trace keeps its own.

use http::{HeaderMap, HeaderName};

use super::common::Common;
use crate::jsonrpc::{Kind, Message, escape, find_member};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const BAGGAGE: HeaderName = HeaderName::from_static("baggage");

/// Longest `tracestate` that must be passed on (Trace Context, 3.3.1.5).
const MAX_TRACESTATE: usize = 512;
/// Longest `baggage` that must be passed on (Baggage, 3.3.2).
const MAX_BAGGAGE: usize = 8192;

impl Common {
    /// The message with its request's trace, if that is enabled.
    pub(super) fn traced(&self, headers: &HeaderMap, message: Message) -> Message {
        if self.terms().trace_context { with_trace(headers, message) } else { message }
    }

    /// All messages of a request with its trace, if that is enabled.
    pub(super) fn all_traced(&self, headers: &HeaderMap, messages: Vec<Message>) -> Vec<Message> {
        if !self.terms().trace_context {
            return messages;
        }
        messages.into_iter().map(|message| with_trace(headers, message)).collect()
    }
}

fn with_trace(headers: &HeaderMap, message: Message) -> Message {
    if !matches!(message.kind(), Kind::Request | Kind::Notification) {
        return message;
    }
    let has =
        |key| message.meta().is_some_and(|meta| find_member(message.bytes(), meta, key).is_some());
    let mut members = Vec::new();
    if !has("traceparent")
        && let Some(parent) = joined(headers, &TRACEPARENT).filter(|text| is_traceparent(text))
    {
        members.push(format!("\"traceparent\":{}", escape(&parent)));
        let state = joined(headers, &TRACESTATE).filter(|text| text.len() <= MAX_TRACESTATE);
        members.extend(
            state
                .filter(|_| !has("tracestate"))
                .map(|state| format!("\"tracestate\":{}", escape(&state))),
        );
    }
    let baggage = joined(headers, &BAGGAGE).filter(|text| text.len() <= MAX_BAGGAGE);
    let baggage = baggage.filter(|_| !has("baggage"));
    members.extend(baggage.map(|baggage| format!("\"baggage\":{}", escape(&baggage))));
    if members.is_empty() { message } else { message.with_meta(&members.join(",")) }
}

/// The values of a header that may have several lines.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let text = values.map(str::trim).collect::<Vec<_>>().join(",");
    (!text.is_empty()).then_some(text)
}

/// `version-trace-parent-flags` in lower-case hexadecimal (Trace Context, 3.2.2); later versions may
/// append fields.
fn is_traceparent(text: &str) -> bool {
    let hex = |field: &str, length: usize| {
        field.len() == length && field.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let some = |field: &str| field.bytes().any(|byte| byte != b'0');
    let mut fields = text.split('-');
    let [Some(version), Some(trace), Some(parent), Some(flags)] =
        std::array::from_fn(|_| fields.next())
    else {
        return false;
    };
    let whole = version != "00" || fields.next().is_none();
    let well_formed = hex(version, 2) && hex(trace, 32) && hex(parent, 16) && hex(flags, 2);
    well_formed && whole && version != "ff" && some(trace) && some(parent) && text.len() <= 512
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn traced(headers: &[(&'static str, &str)], message: &str) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let message = Message::parse(message.to_owned().into()).unwrap();
        let traced = with_trace(&map, message);
        // Each range still covers what its name says.
        let again = Message::parse(traced.bytes().clone()).unwrap();
        assert_eq!(format!("{traced:?}"), format!("{again:?}"));
        String::from_utf8(traced.bytes().to_vec()).unwrap()
    }

    #[test]
    fn the_trace_goes_wherever_there_is_room_for_it() {
        let meta = format!(r#""_meta":{{"traceparent":"{PARENT}"}}"#);
        for (message, expected) in [
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"m"} "#,
                format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{{meta}}}}} "#),
            ),
            (
                r#"{"jsonrpc":"2.0","method":"n","params":{ }}"#,
                format!(r#"{{"jsonrpc":"2.0","method":"n","params":{{{meta} }}}}"#),
            ),
            (
                r#"{"params":{"a":1},"id":"x","method":"m","jsonrpc":"2.0"}"#,
                format!(r#"{{"params":{{{meta},"a":1}},"id":"x","method":"m","jsonrpc":"2.0"}}"#),
            ),
            (
                r#"{"params":{"a":1,"_meta":{"progressToken":7},"uri":"u"},"id":2,"method":"m","jsonrpc":"2.0"}"#,
                format!(
                    r#"{{"params":{{"a":1,"_meta":{{"traceparent":"{PARENT}","progressToken":7}},"uri":"u"}},"id":2,"method":"m","jsonrpc":"2.0"}}"#
                ),
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{}}}"#,
                format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{{meta}}}}}"#),
            ),
        ] {
            assert_eq!(traced(&[("traceparent", PARENT)], message), expected);
        }
    }

    #[test]
    fn state_and_baggage_come_along() {
        let headers = [
            ("traceparent", PARENT),
            ("tracestate", "a=1"),
            ("tracestate", "b=2"),
            ("baggage", "user=\"x\""),
        ];
        let traced = traced(&headers, r#"{"jsonrpc":"2.0","id":1,"method":"m"}"#);
        let expected = format!(
            r#""_meta":{{"traceparent":"{PARENT}","tracestate":"a=1,b=2","baggage":"user=\"x\""}}"#
        );
        assert!(traced.contains(&expected), "{traced}");
    }

    #[test]
    fn what_has_a_trace_or_no_place_for_one_is_left_alone() {
        let headers = [("traceparent", PARENT), ("tracestate", "a=1")];
        for message in [
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"traceparent":"own"}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":null}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}"#,
        ] {
            assert_eq!(traced(&headers, message), message);
        }
    }

    #[test]
    fn only_a_well_formed_parent_counts_and_without_it_no_state() {
        let zero_trace = format!("00-{}-b7ad6b7169203331-01", "0".repeat(32));
        for parent in
            ["", "x", "00-1-2-3", &PARENT.to_uppercase(), &format!("{PARENT}-x"), &zero_trace]
        {
            let message = r#"{"jsonrpc":"2.0","id":1,"method":"m"}"#;
            assert_eq!(traced(&[("traceparent", parent), ("tracestate", "a=1")], message), message);
        }
        assert!(is_traceparent(&format!("01{}-future", &PARENT[2..])));
    }
}
