//! Texts as JSON strings, for messages: nearly every fifth byte of them is a quote, which is slow
//! with a serializer that copies the bytes in between piece by piece.

/// What stands for each byte: 0 is the byte itself, `u` its number, anything else follows a
/// backslash (RFC 8259, section 7).
const ESCAPES: [u8; 256] = {
    let mut escapes = [0; 256];
    let mut control = 0;
    while control < 0x20 {
        escapes[control] = b'u';
        control += 1;
    }
    escapes[0x08] = b'b';
    escapes[0x09] = b't';
    escapes[0x0a] = b'n';
    escapes[0x0c] = b'f';
    escapes[0x0d] = b'r';
    escapes[0x22] = b'"';
    escapes[0x5c] = b'\\';
    escapes
};

/// How many bytes are converted at once.
const CHUNK: usize = 64;
/// Length of the longest escape.
const LONGEST: usize = 6;

/// Appends the text as a JSON string.
pub(super) fn quote(text: &str, to: &mut Vec<u8>) {
    let mut room = [0; CHUNK * LONGEST];
    to.push(b'"');
    for chunk in text.as_bytes().chunks(CHUNK) {
        let mut length = 0;
        for &byte in chunk {
            let escape = ESCAPES[usize::from(byte)];
            if escape == 0 {
                room[length] = byte;
                length += 1;
            } else if escape == b'u' {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let digit = |four: u8| DIGITS[usize::from(four & 0xf)];
                let number = [b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte)];
                room[length..length + LONGEST].copy_from_slice(&number);
                length += LONGEST;
            } else {
                room[length] = b'\\';
                room[length + 1] = escape;
                length += 2;
            }
        }
        to.extend_from_slice(&room[..length]);
    }
    to.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy as _, any, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn texts_are_quoted_as_by_a_serializer(
            text: String,
            ascii in proptest::collection::vec(any::<u8>().prop_map(|byte| byte % 128), 0..300),
        ) {
            for text in [text, String::from_utf8(ascii)?] {
                let mut quoted = Vec::new();
                quote(&text, &mut quoted);
                prop_assert_eq!(String::from_utf8(quoted)?, serde_json::to_string(&text)?);
            }
        }
    }
}
