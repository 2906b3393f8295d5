//! Checks whether a message is the answer to a call. The text is compared byte for byte; the rest
//! of the message is parsed, however the contestant orders and spaces its members.

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::failure::Failure;

#[derive(Deserialize)]
struct Message<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Progress {
    params: ProgressParams,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProgressParams {
    progress_token: u64,
    progress: u64,
}

/// The kind of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The expected answer, and correct.
    Answered,
    /// A notification or an empty event.
    Unrelated,
    /// The answer to another call.
    Foreign,
}

/// Checks one message against the call that is open.
pub(crate) fn check(message: &[u8], id: u64, text: &[u8]) -> Result<Verdict, Failure> {
    let Some((start, end)) = text_span(message, text) else {
        return without_text(message, id);
    };
    let mut envelope = Vec::with_capacity(message.len() - (end - start));
    envelope.extend_from_slice(&message[..start]);
    envelope.extend_from_slice(&message[end..]);
    let parsed: Message<'_> = parse(&envelope)?;
    if parsed.id != Some(id) {
        return Err(Failure::wrong("id", &envelope));
    }
    if parsed.result.is_none() || parsed.error.is_some() {
        return Err(Failure::wrong("no result", &envelope));
    }
    Ok(Verdict::Answered)
}

/// The id of an answer; `None` for anything but an answer.
pub(crate) fn id(message: &[u8]) -> Result<Option<u64>, Failure> {
    Ok(parse(message)?.id)
}

/// The token and the count of a progress notification.
pub(crate) fn progress(message: &[u8]) -> Option<(u64, u64)> {
    let progress: Progress = serde_json::from_slice(message).ok()?;
    Some((progress.params.progress_token, progress.params.progress))
}

/// The position where `text` is the value of a member named `text`.
fn text_span(message: &[u8], text: &[u8]) -> Option<(usize, usize)> {
    let name = b"\"text\":";
    memmem::find_iter(message, name).find_map(|at| {
        let after_name = at + name.len();
        let spaces = message[after_name..].iter().take_while(|byte| **byte == b' ').count();
        let start = after_name + spaces + 1;
        let end = start + text.len();
        let quoted = message.get(start - 1) == Some(&b'"') && message.get(end) == Some(&b'"');
        (quoted && message.get(start..end) == Some(text)).then_some((start, end))
    })
}

fn without_text(message: &[u8], id: u64) -> Result<Verdict, Failure> {
    if message.is_empty() {
        return Ok(Verdict::Unrelated);
    }
    let parsed: Message<'_> = parse(message)?;
    if parsed.id.is_some_and(|other| other != id) {
        return Ok(Verdict::Foreign);
    }
    match (parsed.error, parsed.result) {
        (Some(error), _) => Err(Failure::wrong("error", error.get().as_bytes())),
        (None, Some(result)) => Err(Failure::wrong("text", result.get().as_bytes())),
        (None, None) => Ok(Verdict::Unrelated),
    }
}

fn parse(message: &[u8]) -> Result<Message<'_>, Failure> {
    serde_json::from_slice(message).map_err(|_| Failure::wrong("JSON", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(id: &str, text: &str) -> Vec<u8> {
        format!(r#"{{"result":{{"content":[{{"type":"text","text":"{text}"}}]}},"jsonrpc":"2.0","id":{id}}}"#)
            .into_bytes()
    }

    #[test]
    fn the_right_answer_passes_in_any_spelling() {
        let spaced = br#"{"jsonrpc": "2.0", "id": 7, "result": {"content": [{"type": "text", "text": "hi"}]}}"#;
        assert_eq!(check(&reply("7", "hi"), 7, b"hi").unwrap(), Verdict::Answered);
        assert_eq!(check(spaced, 7, b"hi").unwrap(), Verdict::Answered);
    }

    #[test]
    fn another_id_text_or_an_error_fails() {
        for wrong in [
            reply("8", "hi"),
            reply("\"7\"", "hi"),
            reply("null", "hi"),
            reply("7", "hi!"),
            reply("7", "h"),
            br#"{"jsonrpc":"2.0","id":7,"error":{"code":-32000,"message":"no"}}"#.to_vec(),
            b"<html>".to_vec(),
        ] {
            assert!(check(&wrong, 7, b"hi").is_err(), "{}", String::from_utf8_lossy(&wrong));
        }
    }

    #[test]
    fn the_answer_to_another_call_is_told_apart() {
        assert_eq!(check(&reply("8", "ho"), 7, b"hi").unwrap(), Verdict::Foreign);
    }

    #[test]
    fn notifications_and_empty_events_are_passed_over() {
        let notification = br#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#;
        assert_eq!(check(notification, 7, b"hi").unwrap(), Verdict::Unrelated);
        assert_eq!(check(b"", 7, b"hi").unwrap(), Verdict::Unrelated);
    }
}
