//! Names of servers as prefixes of merged names, and in paths.

use ring::digest::{SHA256, digest};

/// Longest prefix, so that some characters remain for the name after it.
const LONGEST_PREFIX: usize = 32;

/// Characters of the digest at the end of a shortened name.
pub(crate) const TAG: usize = 6;

/// The characters of that digest.
pub(crate) const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The beginning of a text, with a digest of the whole at the end.
pub(crate) fn cut(text: &str, longest: usize, whole: &str) -> String {
    let kept = text.floor_char_boundary(longest - TAG - 1);
    let digest = digest(&SHA256, whole.as_bytes());
    let tag =
        digest.as_ref().iter().take(TAG).map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    let mut cut = text.get(..kept).unwrap_or_default().to_owned();
    cut.push('-');
    cut.extend(tag);
    cut
}

/// Prefix of a server's names when it is merged with others: its name, with each run of characters
/// outside `[A-Za-z0-9-]` replaced by one `_`, without `_` at the end, and cut at 32 bytes.
///
/// It contains no `__` and does not end in `_`, so the first `__` of a merged name ends the prefix.
/// Two servers whose prefixes differ only in case cannot be merged.
pub fn prefix(server: &str) -> String {
    let mut prefix = String::with_capacity(server.len());
    for character in server.chars() {
        if character.is_ascii_alphanumeric() || character == '-' {
            prefix.push(character);
        } else if !prefix.ends_with('_') {
            prefix.push('_');
        }
    }
    prefix.truncate(prefix.trim_end_matches('_').len());
    if prefix.len() > LONGEST_PREFIX { cut(&prefix, LONGEST_PREFIX, server) } else { prefix }
}

/// A name as one segment of a path: unreserved characters stay (RFC 3986), the rest is
/// percent-encoded.
pub fn segment(name: &str) -> String {
    let mut segment = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            segment.push('%');
            for half in [byte >> 4, byte & 15] {
                let digit = char::from_digit(half.into(), 16).unwrap_or('0');
                segment.push(digit.to_ascii_uppercase());
            }
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_hold_no_separator() {
        for (server, expected) in [
            ("files", "files"),
            ("My Files", "My_Files"),
            ("a..b//c", "a_b_c"),
            ("a__b", "a_b"),
            ("_a_", "_a"),
            ("a-1", "a-1"),
            ("日本", ""),
            ("日本1", "_1"),
        ] {
            assert_eq!(prefix(server), expected);
        }
        let long = prefix(&"x".repeat(100));
        assert_eq!(long.len(), LONGEST_PREFIX);
        assert_ne!(long, prefix(&"x".repeat(101)));
    }

    #[test]
    fn a_segment_holds_no_separator() {
        assert_eq!(segment("a/b c?"), "a%2Fb%20c%3F");
        assert_eq!(segment("é~"), "%C3%A9~");
    }
}
