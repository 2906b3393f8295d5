//! Small raw JSON values that outlive the message they came in.

use std::fmt;

use super::json::decode_string;

const INLINE: usize = 30;

/// A raw JSON value (an id or a progress token) exactly as its sender wrote it.
///
/// `1`, `"1"` and `1.0` are three different values. Usual ids are kept without an allocation.
#[derive(Clone)]
pub(crate) struct Raw(Repr);

#[derive(Clone)]
enum Repr {
    Inline { length: u8, bytes: [u8; INLINE] },
    Boxed(Box<[u8]>),
}

impl Raw {
    #[expect(clippy::cast_possible_truncation, reason = "the inline length is at most 30")]
    pub(crate) fn new(value: &[u8]) -> Self {
        let mut bytes = [0; INLINE];
        Self(match bytes.get_mut(..value.len()) {
            Some(inline) => {
                inline.copy_from_slice(value);
                Repr::Inline { length: value.len() as u8, bytes }
            }
            None => Repr::Boxed(value.into()),
        })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { length, bytes } => &bytes[..usize::from(*length)],
            Repr::Boxed(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

/// What makes two ids the same to a peer that reads JSON: strings by their text, numbers by value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum IdKey {
    Text(String),
    Number(u64),
}

impl IdKey {
    /// The key of a raw id.
    pub(crate) fn of(raw: &[u8]) -> Self {
        if let Some(text) = decode_string(raw) {
            return Self::Text(text);
        }
        let number = std::str::from_utf8(raw).ok().and_then(|text| text.parse::<f64>().ok());
        // Adding zero makes -0 and 0 one key.
        Self::Number((number.unwrap_or(f64::NAN) + 0.0).to_bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_value_are_one_key() {
        assert_eq!(IdKey::of(b"1"), IdKey::of(b"1.0"));
        assert_eq!(IdKey::of(b"-0"), IdKey::of(b"0"));
        assert_eq!(IdKey::of(br#""a""#), IdKey::of(br#""\u0061""#));
        assert_ne!(IdKey::of(b"1"), IdKey::of(br#""1""#));
    }
}
