//! One header value: literal if a header can carry the text, otherwise Base64 between two markers.

use std::{borrow::Cow, str};

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Marks the beginning of an encoded value. Markers are case-sensitive.
const OPEN: &str = "=?base64?";
/// Marks the end of an encoded value.
const CLOSE: &str = "?=";

/// Why a header value cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidValue {
    #[error("has bytes outside of visible ASCII")]
    Characters,
    #[error("is not canonical Base64 between its markers")]
    Base64,
    #[error("is not UTF-8 between its markers")]
    Utf8,
}

/// `text` as a header value.
pub(crate) fn encode(text: &str) -> Cow<'_, str> {
    if is_safe(text) {
        return Cow::Borrowed(text);
    }
    let mut value = String::with_capacity(OPEN.len() + text.len().div_ceil(3) * 4 + CLOSE.len());
    value.push_str(OPEN);
    STANDARD.encode_string(text, &mut value);
    value.push_str(CLOSE);
    Cow::Owned(value)
}

/// The text that a header value represents. White space around the value is not part of it (RFC
/// 9110, 5.5); a value without both markers is literal.
pub(crate) fn decode(value: &[u8]) -> Result<Cow<'_, str>, InvalidValue> {
    let value = trim(value);
    if !value.iter().all(|&byte| matches!(byte, b'\t' | b' '..=b'~')) {
        return Err(InvalidValue::Characters);
    }
    let literal = str::from_utf8(value).map_err(|_| InvalidValue::Characters)?;
    let Some(encoded) = encoded(literal) else { return Ok(Cow::Borrowed(literal)) };
    let bytes = STANDARD.decode(encoded).map_err(|_| InvalidValue::Base64)?;
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| InvalidValue::Utf8)
}

/// Whether `text` can be sent unchanged. A tab inside of the text could be, but the specification
/// requires encoding it anywhere.
fn is_safe(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && text.trim_matches(' ') == text
        && encoded(text).is_none()
}

/// The text between the markers, if both are there.
fn encoded(text: &str) -> Option<&str> {
    text.strip_prefix(OPEN)?.strip_suffix(CLOSE)
}

/// A header value without surrounding white space (RFC 9110, 5.5).
pub(crate) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn text_that_a_header_can_carry_is_literal() {
        for text in
            ["", "test_simple_text", "a b", "test://a?b=c", "=?base64?", "?=", "=?BASE64?YQ==?="]
        {
            assert_eq!(encode(text), text);
        }
    }

    #[test]
    fn other_text_is_encoded() {
        for (text, value) in [
            ("über", "=?base64?w7xiZXI=?="),
            (" a", "=?base64?IGE=?="),
            ("a ", "=?base64?YSA=?="),
            ("a\tb", "=?base64?YQli?="),
            ("a\r\nb", "=?base64?YQ0KYg==?="),
            ("\u{7f}", "=?base64?fw==?="),
            ("=?base64?YQ==?=", "=?base64?PT9iYXNlNjQ/WVE9PT89?="),
        ] {
            assert_eq!(encode(text), value);
            assert_eq!(decode(value.as_bytes()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn values_are_decoded_before_they_mean_anything() {
        for (value, text) in [
            ("", ""),
            (" \t foo \t", "foo"),
            ("a\tb", "a\tb"),
            ("=?base64??=", ""),
            ("=?base64?SGVsbG8=?=", "Hello"),
            ("  =?base64?SGVsbG8=?=\t", "Hello"),
            ("SGVsbG8=", "SGVsbG8="),
            ("=?base64?SGVsbG8=", "=?base64?SGVsbG8="),
            ("SGVsbG8=?=", "SGVsbG8=?="),
            ("=?BASE64?SGVsbG8=?=", "=?BASE64?SGVsbG8=?="),
            ("=?base64?=", "=?base64?="),
        ] {
            assert_eq!(decode(value.as_bytes()).as_deref(), Ok(text), "{value:?}");
        }
    }

    #[test]
    fn malformed_values_are_refused() {
        for (value, problem) in [
            (&b"=?base64?SGVsbG8?="[..], InvalidValue::Base64),
            (b"=?base64?SGVs!!!bG8=?=", InvalidValue::Base64),
            (b"=?base64?SGVsbG8_?=", InvalidValue::Base64),
            (b"=?base64?SGVsbG9=?=", InvalidValue::Base64),
            (b"=?base64? SGVsbG8=?=", InvalidValue::Base64),
            (b"=?base64?/w==?=", InvalidValue::Utf8),
            ("über".as_bytes(), InvalidValue::Characters),
            (b"a\0b", InvalidValue::Characters),
        ] {
            assert_eq!(decode(value), Err(problem), "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn decoding_returns_what_was_encoded(text in any::<String>()) {
            let value = encode(&text);
            prop_assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~')));
            prop_assert_eq!(decode(value.as_bytes()).unwrap(), text.as_str());
        }

        #[test]
        fn no_value_breaks_the_decoder(value in any::<Vec<u8>>()) {
            if let Ok(text) = decode(&value) {
                let again = encode(&text);
                prop_assert_eq!(&decode(again.as_bytes()).unwrap(), &text);
            }
        }
    }
}
