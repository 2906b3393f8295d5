//! Writes a JSON object member by member. Lines of a recording are mostly numbers, and messages in
//! which every fifth byte is a quote; a serializer takes several times as long for both.

use serde::Serialize;

/// An object that is being written.
#[derive(Debug)]
pub(super) struct Object<'a> {
    to: &'a mut Vec<u8>,
    /// What stands before the next member.
    before: u8,
}

impl<'a> Object<'a> {
    pub(super) fn new(to: &'a mut Vec<u8>) -> Self {
        Self { to, before: b'{' }
    }

    /// Begins a member. The name needs no escapes.
    #[inline]
    fn member(&mut self, name: &'static str) -> &mut Vec<u8> {
        self.to.extend_from_slice(&[self.before, b'"']);
        self.to.extend_from_slice(name.as_bytes());
        self.to.extend_from_slice(b"\":");
        self.before = b',';
        self.to
    }

    #[inline]
    pub(super) fn number(&mut self, name: &'static str, value: u64) {
        self.member(name).extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    #[inline]
    pub(super) fn text(&mut self, name: &'static str, value: &str) {
        quote(value, self.member(name));
    }

    /// Any other value; `null` if it cannot be serialized.
    pub(super) fn value(&mut self, name: &'static str, value: &impl Serialize) {
        let to = self.member(name);
        let before = to.len();
        if serde_json::to_writer(&mut *to, value).is_err() {
            to.truncate(before);
            to.extend_from_slice(b"null");
        }
    }

    /// Ends the object.
    pub(super) fn end(self) {
        if self.before == b'{' {
            self.to.push(b'{');
        }
        self.to.push(b'}');
    }
}

/// How many bytes are quoted at once.
const CHUNK: usize = 64;
/// Room for twice as many.
const ROOM: usize = 2 * CHUNK;

/// Appends the text as a JSON string.
fn quote(text: &str, to: &mut Vec<u8>) {
    to.push(b'"');
    for chunk in text.as_bytes().chunks(CHUNK) {
        let least = chunk.iter().fold(u8::MAX, |least, &byte| least.min(byte));
        if least < b' ' {
            quote_controls(chunk, to);
            continue;
        }
        let mut room = [0; ROOM];
        let mut length = 0;
        for &byte in chunk {
            // Without a branch: whether a byte is a quote cannot be predicted.
            room[length % ROOM] = b'\\';
            length += usize::from(matches!(byte, b'"' | b'\\'));
            room[length % ROOM] = byte;
            length += 1;
        }
        to.extend_from_slice(&room[..length]);
    }
    to.push(b'"');
}

/// The same for bytes among which there are control characters (RFC 8259, section 7).
#[cold]
fn quote_controls(bytes: &[u8], to: &mut Vec<u8>) {
    for &byte in bytes {
        let letter = match byte {
            b'"' | b'\\' => byte,
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0c => b'f',
            b'\r' => b'r',
            0..0x20 => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                to.extend_from_slice(b"\\u00");
                to.extend([byte >> 4, byte & 0xf].map(|digit| DIGITS[usize::from(digit)]));
                continue;
            }
            _ => {
                to.push(byte);
                continue;
            }
        };
        to.extend_from_slice(&[b'\\', letter]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy as _, any, prop_assert_eq, proptest};
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_separated() {
        let written = |fill: fn(&mut Object<'_>)| {
            let mut to = Vec::new();
            let mut object = Object::new(&mut to);
            fill(&mut object);
            object.end();
            String::from_utf8(to).unwrap()
        };
        assert_eq!(written(|_| ()), "{}");
        assert_eq!(written(|object| object.number("a", u64::MAX)), r#"{"a":18446744073709551615}"#);
        let several = written(|object| {
            object.text("a", "b\"");
            object.value("c", &json!({ "d": [1] }));
            object.number("e", 0);
        });
        assert_eq!(several, r#"{"a":"b\"","c":{"d":[1]},"e":0}"#);
    }

    proptest! {
        #[test]
        fn texts_are_quoted_as_by_a_serializer(
            text: String,
            ascii in proptest::collection::vec(any::<u8>().prop_map(|byte| byte % 128), 0..300),
            printable in "[ -~\"\\\\]{0,300}",
        ) {
            for text in [text, String::from_utf8(ascii)?, printable] {
                let mut quoted = Vec::new();
                quote(&text, &mut quoted);
                prop_assert_eq!(String::from_utf8(quoted)?, serde_json::to_string(&text)?);
            }
        }
    }
}
