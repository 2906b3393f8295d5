//! Recorded messages for another client: unchanged except for ids and progress tokens.

use bytes::Bytes;
use serde_json::Value;

use crate::jsonrpc::{Edit, Message, Span, spliced};

/// A recorded message with another id; no other byte changes.
pub(super) fn with_id(text: &str, id: &Value) -> Vec<u8> {
    let id = id.to_string();
    changed(text, Message::id_span, id.as_bytes()).unwrap_or_else(|| {
        let mut message: Value = serde_json::from_str(text).unwrap_or_default();
        message["id"] = serde_json::from_str(&id).unwrap_or_default();
        message["jsonrpc"] = "2.0".into();
        message.to_string().into_bytes()
    })
}

/// A recorded notification for a client; progress is reported with the client's own token, if it
/// has one.
pub(super) fn with_token(text: &str, recorded: &Value, token: &Value) -> Option<Vec<u8>> {
    let message: Value = serde_json::from_str(text).ok()?;
    let reported = &message["params"]["progressToken"];
    if reported.is_null() || reported != recorded {
        return Some(on_one_line(text));
    }
    if token.is_null() {
        return None;
    }
    changed(text, Message::reported_token, token.to_string().as_bytes())
}

/// A message with something else at this place, on one line; `None` if it has no such place.
fn changed(text: &str, place: fn(&Message) -> Option<Span>, with: &[u8]) -> Option<Vec<u8>> {
    let message = Message::parse(Bytes::copy_from_slice(text.as_bytes())).ok()?;
    let span = place(&message)?;
    Some(spliced(message.bytes(), &[Edit { span, with }]).into())
}

/// A message on one line: line breaks between its tokens become spaces.
fn on_one_line(text: &str) -> Vec<u8> {
    match Message::parse(Bytes::copy_from_slice(text.as_bytes())) {
        Ok(message) => message.bytes().to_vec(),
        Err(_) => text.replace(['\n', '\r'], " ").into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_but_the_id_is_written_anew() {
        let text = "{\"result\":{\"b\":1.0,\"a\":1e2,\"t\":\"\\u00e9 é\"} ,\n\"id\":7, \"jsonrpc\":\"2.0\",\"x\":{}}";
        let played = String::from_utf8(with_id(text, &json!("mine"))).unwrap();
        assert_eq!(played, text.replace("7,", "\"mine\",").replace('\n', " "));
        let odd = String::from_utf8(with_id("{\"id\":1,\"result\":{}}", &json!(2))).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&odd).unwrap()["id"], 2);
    }

    #[test]
    fn progress_is_reported_to_those_who_asked_for_it() {
        let progress = |token: &str| {
            format!(
                "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{{\"progressToken\":{token},\"progress\":1.50}}}}"
            )
        };
        let played = |text: &str, token: Value| {
            with_token(text, &json!(5), &token).map(|line| String::from_utf8(line).unwrap())
        };
        assert_eq!(played(&progress("5"), json!("new")), Some(progress("\"new\"")));
        assert_eq!(played(&progress("5"), Value::Null), None);
        assert_eq!(played(&progress("6"), json!("new")), Some(progress("6")));
    }
}
