//! Requests in which another reader may see another method, name or URI than this proxy: readers
//! that ignore case, end texts at a NUL, or take something else for a text.

use crate::jsonrpc::{Message, Span, find_member, folds_to, string_text};

/// The methods that decide who gets what, and those that rules decide about.
const METHODS: [&str; 20] = [
    "completion/complete",
    "initialize",
    "logging/setLevel",
    "notifications/cancelled",
    "notifications/initialized",
    "notifications/message",
    "notifications/progress",
    "notifications/resources/updated",
    "notifications/roots/list_changed",
    "ping",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "server/discover",
    "subscriptions/listen",
    "tools/call",
    "tools/list",
];
/// Those of them that are not in lower case.
const WITH_CAPITALS: [&str; 1] = ["logging/setLevel"];
/// The family of others.
const TASKS: [&str; 1] = ["tasks"];

/// Whether a method is not a known one, but may be taken for one.
pub(crate) fn is_misread(method: &[u8]) -> bool {
    if method.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'/' | b'_')) {
        return folds_to(method, &WITH_CAPITALS);
    }
    let family = memchr::memchr(b'/', method).and_then(|slash| method.get(..slash));
    family.is_some_and(|family| folds_to(family, &TASKS)) || folds_to(method, &METHODS)
}

/// Whether everything that a request names, by which rules decide, is a plain text.
pub(crate) fn names_plainly(message: &Message) -> bool {
    let within = |name: &str| {
        let reference = find_member(message.bytes(), message.params()?, "ref")?;
        find_member(message.bytes(), reference, name)
    };
    let named = [message.name_span(), message.uri_span(), within("name"), within("uri")];
    named.into_iter().flatten().all(|span| is_plain(message, span))
}

fn is_plain(message: &Message, span: Span) -> bool {
    string_text(message.text(span))
        .is_some_and(|name| !name.contains(char::is_control) && name.trim() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_may_be_taken_for_known_ones_are_told() {
        for method in [
            "Tools/Call",
            "logging/setlevel",
            "logging/setLEVEL",
            "TOOLS/CALL",
            "tools/call\0",
            "tools/call\0x",
            "tool\u{17f}/call",
            "initialize\0",
            "Ping",
            "resources/Subscribe",
            "notifications/Cancelled",
            "Tasks/get",
            "ta\u{17f}ks/get",
        ] {
            assert!(is_misread(method.as_bytes()), "{method:?}");
        }
        for method in ["tools/call", "tasks/get", "vendor/x", "", "tasks", "tools/callx", "\0"] {
            assert!(!is_misread(method.as_bytes()), "{method:?}");
        }
    }

    #[test]
    fn methods_in_lower_case_are_taken_only_for_those_with_capitals() {
        let has_capitals = |method: &&str| method.bytes().any(|byte| byte.is_ascii_uppercase());
        assert!(METHODS.into_iter().filter(has_capitals).eq(WITH_CAPITALS));
        assert!(!TASKS.iter().any(has_capitals));
    }

    #[test]
    fn a_plain_name_is_a_text_without_control_characters() {
        let plainly = |params: &str| {
            let text = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{params}}}}}"#
            );
            names_plainly(&Message::parse(text.into()).unwrap())
        };
        for plain in [
            "",
            r#""name":"a""#,
            r#""name":"\u0061 b""#,
            r#""uri":"file:///a b""#,
            r#""ref":{"type":"ref/prompt","name":"p"}"#,
            r#""ref":1"#,
            r#""arguments":{"name":["a"]}"#,
        ] {
            assert!(plainly(plain), "{plain}");
        }
        for other in [
            r#""name":["a"]"#,
            r#""name":{"a":1}"#,
            r#""name":1"#,
            r#""name":null"#,
            r#""name":"a\u0000""#,
            r#""name":"a\n""#,
            r#""name":"a ""#,
            r#""name":"\u00a0a""#,
            r#""name":"\ud800""#,
            r#""uri":["file:///a"]"#,
            r#""uri":"file:///a\u0000""#,
            r#""ref":{"name":["p"]}"#,
            r#""ref":{"uri":"file:///a\u0007"}"#,
        ] {
            assert!(!plainly(other), "{other}");
        }
    }
}
