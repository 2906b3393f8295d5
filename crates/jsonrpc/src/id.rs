//! Small raw JSON values that outlive their message.

use std::{borrow::Cow, fmt};

use super::json::decode_string;

const INLINE: usize = 30;

/// A raw JSON value (an id or a progress token) exactly as its sender wrote it.
///
/// `1`, `"1"` and `1.0` are three different values. Usual ids are kept without an allocation.
#[derive(Clone)]
pub struct Raw(Repr);

#[derive(Clone)]
enum Repr {
    Inline { length: u8, bytes: [u8; INLINE] },
    Boxed(Box<[u8]>),
}

impl Raw {
    #[expect(clippy::cast_possible_truncation, reason = "the inline length is at most 30")]
    /// Keeps these raw bytes; up to 30 of them without an allocation.
    #[inline]
    pub fn new(value: &[u8]) -> Self {
        let mut bytes = [0; INLINE];
        Self(match bytes.get_mut(..value.len()) {
            Some(inline) => {
                inline.copy_from_slice(value);
                Repr::Inline { length: value.len() as u8, bytes }
            }
            None => Repr::Boxed(value.into()),
        })
    }

    /// The raw bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
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

/// What a peer compares ids by: strings by their text, numbers by value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum IdKey {
    /// A string, without its escapes.
    Text(String),
    /// A number, by the bits of its value as a double.
    Number(u64),
}

impl IdKey {
    /// The key of a raw id.
    pub fn of(raw: &[u8]) -> Self {
        if let Some(text) = decode_string(raw) {
            return Self::Text(text);
        }
        let number = std::str::from_utf8(raw).ok().and_then(|text| text.parse::<f64>().ok());
        // Adding zero makes -0 and 0 one key.
        Self::Number((number.unwrap_or(f64::NAN) + 0.0).to_bits())
    }
}

impl IdKey {
    /// The same value as text, or as a number: some servers answer `1` with `"1"`.
    pub fn other_spelling(&self) -> Option<Self> {
        /// Above this, floats do not represent every integer.
        const MOST: f64 = 9_007_199_254_740_991.0;
        match self {
            Self::Text(text) => {
                own_number(text.as_bytes()).map(|_| Self::of(text.trim().as_bytes()))
            }
            Self::Number(bits) => {
                let value = f64::from_bits(*bits);
                let is_whole = value.fract() == 0.0 && (0.0..=MOST).contains(&value);
                is_whole.then(|| Self::Text(format!("{value:.0}")))
            }
        }
    }
}

/// Whether an answer's id is that of a request, exactly or in another spelling.
pub fn echoes(answered: &[u8], asked: &[u8]) -> bool {
    let (answered, asked) = (IdKey::of(answered), IdKey::of(asked));
    answered == asked || answered.other_spelling().is_some_and(|other| other == asked)
}

/// The number with which a peer answers one of ours, in any spelling: `7`, `7.0`, `"7"`.
#[inline]
pub fn own_number(raw: &[u8]) -> Option<u64> {
    as_written(raw).or_else(|| respelled(raw))
}

/// The number if it is written as the proxy writes it.
fn as_written(raw: &[u8]) -> Option<u64> {
    /// This many digits always fit.
    const MOST: usize = 19;
    if raw.is_empty() || raw.len() > MOST {
        return None;
    }
    raw.iter().try_fold(0, |number: u64, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| 10 * number + u64::from(digit))
    })
}

#[cold]
fn respelled(raw: &[u8]) -> Option<u64> {
    /// Above this, floats do not represent every integer.
    const MOST: f64 = 9_007_199_254_740_991.0;
    let text = decode_string(raw).map_or_else(|| String::from_utf8_lossy(raw), Cow::Owned);
    let text = text.trim();
    if !text.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let by_value = || {
        let value = text.parse::<f64>().ok()?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked here")]
        (value.fract() == 0.0 && (0.0..=MOST).contains(&value)).then_some(value as u64)
    };
    text.parse().ok().or_else(by_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_ours_is_known_in_any_spelling() {
        for spelling in [
            "7",
            "7.0",
            "7.000",
            "7e0",
            "70e-1",
            "0.7e1",
            "\"7\"",
            "\"7.0\"",
            "\" 7 \"",
            "\"\\u0037\"",
        ] {
            assert_eq!(own_number(spelling.as_bytes()), Some(7), "{spelling}");
        }
        assert_eq!(own_number(b"18446744073709551615"), Some(u64::MAX));
        for other in [
            "null",
            "true",
            "7.5",
            "-7",
            "\"seven\"",
            "\"\"",
            "\"-7\"",
            "\"inf\"",
            "1e300",
            "\"7a\"",
            "{}",
        ] {
            assert_eq!(own_number(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn an_id_is_echoed_in_another_spelling() {
        for (answered, asked) in [
            ("1", "1"),
            ("\"1\"", "1"),
            ("1", "\"1\""),
            ("1.0", "1"),
            ("\"1.0\"", "1"),
            ("1e0", "\"1\""),
            ("\"a\"", "\"\\u0061\""),
        ] {
            assert!(echoes(answered.as_bytes(), asked.as_bytes()), "{answered} {asked}");
        }
        for (answered, asked) in [
            ("2", "1"),
            ("\"a\"", "1"),
            ("null", "0"),
            ("\"\"", "0"),
            ("1.5", "\"1\""),
            ("-1", "1"),
        ] {
            assert!(!echoes(answered.as_bytes(), asked.as_bytes()), "{answered} {asked}");
        }
    }

    #[test]
    fn spellings_of_one_value_are_one_key() {
        assert_eq!(IdKey::of(b"1"), IdKey::of(b"1.0"));
        assert_eq!(IdKey::of(b"-0"), IdKey::of(b"0"));
        assert_eq!(IdKey::of(br#""a""#), IdKey::of(br#""\u0061""#));
        assert_ne!(IdKey::of(b"1"), IdKey::of(br#""1""#));
    }
}
