//! Decodes a string with escapes, byte by byte and without a copy.

/// The decoded bytes of a scanned string's content. An unpaired surrogate becomes U+FFFD.
#[derive(Debug)]
pub(super) struct Unescaped<'a> {
    raw: &'a [u8],
    /// The remaining bytes of an escaped character.
    pending: [u8; 4],
    left: u8,
}

impl<'a> Unescaped<'a> {
    /// `raw` is between the quotes.
    pub(super) fn of(raw: &'a [u8]) -> Self {
        Self { raw, pending: [0; 4], left: 0 }
    }

    /// The code unit of the `\u` escape at the beginning, which is consumed.
    fn unit(&mut self) -> Option<u32> {
        let (escape, rest) = self.raw.split_at_checked(6)?;
        let digits = std::str::from_utf8(escape.strip_prefix(b"\\u")?).ok()?;
        let unit = u32::from_str_radix(digits, 16).ok()?;
        self.raw = rest;
        Some(unit)
    }

    fn character(&mut self) -> char {
        let Some(unit) = self.unit() else {
            // No scanner accepts this. At least one byte is consumed, so that the loop ends.
            self.raw = self.raw.get(1..).unwrap_or_default();
            return char::REPLACEMENT_CHARACTER;
        };
        if !matches!(unit, 0xd800..0xdc00) {
            return char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER);
        }
        let behind = self.raw;
        let low = self.unit().filter(|low| matches!(low, 0xdc00..0xe000));
        if low.is_none() {
            self.raw = behind;
        }
        let pair =
            low.and_then(|low| char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)));
        pair.unwrap_or(char::REPLACEMENT_CHARACTER)
    }
}

impl Iterator for Unescaped<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if self.left > 0 {
            let byte = self.pending[4 - usize::from(self.left)];
            self.left -= 1;
            return Some(byte);
        }
        let (&first, rest) = self.raw.split_first()?;
        if first != b'\\' {
            self.raw = rest;
            return Some(first);
        }
        let (&kind, behind) = rest.split_first()?;
        if kind != b'u' {
            self.raw = behind;
            return Some(match kind {
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                other => other,
            });
        }
        let mut encoded = [0; 4];
        let length = self.character().encode_utf8(&mut encoded).len();
        self.pending[4 - length..].copy_from_slice(&encoded[..length]);
        #[expect(clippy::cast_possible_truncation, reason = "a character has at most four bytes")]
        let left = length as u8 - 1;
        self.left = left;
        Some(encoded[0])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    fn text(raw: &str) -> String {
        String::from_utf8(Unescaped::of(raw.as_bytes()).collect()).unwrap()
    }

    #[test]
    fn escapes_stand_for_their_characters() {
        assert_eq!(text(r#"a\u0062\n\t\b\f\r\"\\\/"#), "ab\n\t\u{8}\u{c}\r\"\\/");
        assert_eq!(text(r"\u00e9\u20AC\ud83e\udd80x"), "é€\u{1f980}x");
        assert_eq!(text(r"\ud83ex\udd80\ud800\u0041"), "\u{fffd}x\u{fffd}\u{fffd}A");
    }

    #[test]
    fn what_no_scanner_lets_pass_ends_too() {
        for raw in ["\\", "\\u", "\\u12", "\\uzzzz", "\\ud800\\u1"] {
            assert!(Unescaped::of(raw.as_bytes()).count() < 16, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn it_is_what_another_parser_reads(expected: String, escaped in any::<bool>()) {
            let raw = if escaped {
                let units: Vec<String> =
                    expected.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
                units.concat()
            } else {
                let quoted = serde_json::Value::from(expected.clone()).to_string();
                quoted[1..quoted.len() - 1].to_owned()
            };
            prop_assert_eq!(text(&raw), expected);
        }
    }
}
