//! Errors in other forms than JSON-RPC's: clients read no others.

use crate::{Code, Kind, Message, Span, escape, find_member};

/// Most of an error in another form that is shown.
const MAX_SHOWN: usize = 1024;

/// Whether this is an error whose code is not a number or whose message is not a text.
pub fn is_odd(message: &Message) -> bool {
    message.kind() == Kind::Error
        && message.error().is_some_and(|error| !is_well_formed(message.text(error)))
}

fn is_well_formed(error: &[u8]) -> bool {
    has_code(error).is_some() && has_message(error).is_some()
}

fn has_code(error: &[u8]) -> Option<&[u8]> {
    member(error, "code").filter(|code| matches!(code, [b'-' | b'0'..=b'9', ..]))
}

fn has_message(error: &[u8]) -> Option<&[u8]> {
    member(error, "message").filter(|message| message.starts_with(b"\""))
}

fn member<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    Some(find_member(object, Span::new(0, object.len()), name)?.of(object))
}

/// The error object that this value means; `None` if it is one already. What is not a text becomes
/// one.
pub(super) fn well_formed(error: &[u8]) -> Option<Vec<u8>> {
    if is_well_formed(error) {
        return None;
    }
    let (code, message) = (member(error, "code"), member(error, "message"));
    let number = Code::Internal.number().to_string();
    let shown = String::from_utf8_lossy(error.get(..MAX_SHOWN).unwrap_or(error));
    let text = if error.starts_with(b"\"") { error.to_vec() } else { escape(&shown).into_bytes() };
    let message = message.filter(|_| has_message(error).is_some()).unwrap_or(&text);
    let mut made = [b"{\"code\":", has_code(error).unwrap_or(number.as_bytes())].concat();
    made.extend_from_slice(&[b",\"message\":", message].concat());
    match (member(error, "data"), code) {
        (Some(data), _) => made.extend_from_slice(&[b",\"data\":", data].concat()),
        (None, Some(code)) if has_code(error).is_none() => {
            made.extend_from_slice(&[b",\"data\":{\"code\":", code, b"}"].concat());
        }
        _ => {}
    }
    made.push(b'}');
    Some(made)
}
