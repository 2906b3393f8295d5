//! Properties that must hold for any bytes, according to another parser.
//!
//! For the tests of this module and for the fuzzers; a check that fails panics.

#![expect(clippy::unwrap_used, reason = "a check fails by a panic")]

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::{Assembly, Body, Edit, Invalid, Kind, MAX_SERVER_BATCH, Message, Span, split};

fn is_json(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

/// The kind of a message, according to its value tree.
pub(super) fn kind_of(value: &Value) -> Option<Kind> {
    let message = value.as_object()?;
    let has = |name| message.contains_key(name);
    let sound = |name, test: fn(&Value) -> bool| message.get(name).is_none_or(test);
    if message.get("jsonrpc")? != "2.0"
        || !sound("method", Value::is_string)
        || !sound("params", Value::is_object)
    {
        return None;
    }
    let addressable = message.get("id").is_some_and(|id| id.is_string() || id.is_number());
    let nobody = message.get("id").is_none_or(Value::is_null);
    match (has("method"), has("result"), has("error")) {
        (true, false, false) if !has("id") => Some(Kind::Notification),
        (true, false, false) if addressable => Some(Kind::Request),
        (false, true, false) if addressable => Some(Kind::Result),
        (false, false, true) if addressable || nobody => Some(Kind::Error),
        _ => None,
    }
}

/// Only JSON is accepted, and only messages are messages. (The scanner refuses deeply nested texts
/// and messages with repeated members, which other parsers accept.)
pub fn check_envelope(bytes: &[u8]) {
    match Message::parse(Bytes::copy_from_slice(bytes)) {
        Ok(message) => {
            assert!(is_json(bytes));
            // A number that no value can represent passes unchanged.
            if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
                assert_eq!(Some(message.kind()), kind_of(&value));
            }
        }
        Err(Invalid::Shape(_) | Invalid::LongId) => assert!(is_json(bytes)),
        Err(Invalid::TooMany(_)) => panic!("one message is not too many"),
        Err(Invalid::Utf8(at)) => {
            assert_eq!(std::str::from_utf8(bytes).unwrap_err().valid_up_to(), at);
        }
        Err(Invalid::Syntax(error)) => {
            assert!(!is_json(bytes) || error.problem == "nested too deeply");
            assert!(error.at <= bytes.len());
        }
    }
}

/// The edits that give a request another id and another progress token.
pub fn edits<'a>(request: &Message, id: &'a [u8], token: &'a [u8]) -> Vec<Edit<'a>> {
    let id = request.id_span().map(|span| Edit { span, with: id });
    let token = request.requested_token().map(|span| Edit { span, with: token });
    let mut edits: Vec<_> = id.into_iter().chain(token).collect();
    edits.sort_by_key(|edit| edit.span.start);
    edits
}

pub(super) fn assembled(source: &Bytes, edits: &[Edit<'_>]) -> Bytes {
    let assembly = Assembly { before: b"<", source, edits, behind: b">" };
    let frame = assembly.frame();
    assert_eq!(frame.len(), assembly.len());
    let whole = frame.runs().concat();
    let inner = whole.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">"));
    Bytes::copy_from_slice(inner.unwrap())
}

/// A request with another id and token is otherwise the same request, and is the original after
/// they are restored.
pub fn check_splice(bytes: &[u8]) {
    let Ok(request) = Message::parse(Bytes::copy_from_slice(bytes)) else { return };
    let Some(id) = request.id() else { return };
    let token = request.requested_token().map(|span| request.text(span)).unwrap_or_default();
    let spliced = assembled(request.bytes(), &edits(&request, b"7", b"\"own\""));
    let other = Message::parse(spliced).unwrap();
    assert_eq!((other.kind(), other.id()), (request.kind(), Some(&b"7"[..])));
    if let Ok(mut value) = serde_json::from_slice::<Value>(bytes) {
        value["id"] = 7.into();
        if !token.is_empty() {
            value["params"]["_meta"]["progressToken"] = "own".into();
        }
        assert_eq!(serde_json::from_slice::<Value>(other.bytes()).unwrap(), value);
    }
    assert_eq!(&assembled(other.bytes(), &edits(&other, id, token)), request.bytes());
}

/// A batch that is split and joined is the original batch.
pub fn check_batch(bytes: &[u8]) {
    let Ok(Body::Many(messages)) = split(Bytes::copy_from_slice(bytes), MAX_SERVER_BATCH) else {
        return;
    };
    assert!(is_json(bytes));
    let texts: Vec<&[u8]> = messages.iter().map(|message| &message.bytes()[..]).collect();
    let regrouped = [b"[", &texts.join(&b","[..])[..], b"]"].concat();
    assert!(is_json(&regrouped));
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        assert_eq!(serde_json::from_slice::<Value>(&regrouped).unwrap(), value);
    }
    for message in &messages {
        let alone = Message::parse(message.bytes().clone()).unwrap();
        assert_eq!(alone.kind(), message.kind());
        let spans = |message: &Message| -> [Option<Span>; 4] {
            [message.id_span(), message.params(), message.meta(), message.requested_token()]
        };
        assert_eq!(spans(&alone), spans(message));
    }
}
