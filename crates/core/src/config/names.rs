//! Names of servers: in front of what is theirs where servers are merged, and in paths.

use ring::digest::{SHA256, digest};

/// Longest prefix, so that something is left for the name behind it.
const LONGEST_PREFIX: usize = 32;

/// Characters of the digest that closes what was cut.
pub(crate) const TAG: usize = 6;

/// The characters of that digest.
pub(crate) const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The beginning of a text, closed with a digest of what it stands for.
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

/// What the names of a server begin with when it is merged with others: its name, with each run of
/// characters outside `[A-Za-z0-9-]` as one `_`, none at the end, and cut at 32 bytes.
///
/// It holds no `__` and does not end in `_`, so the first `__` of a merged name ends it. Two
/// servers whose prefixes differ in case only cannot be merged.
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

/// A name as one segment of a path: what is unreserved stays (RFC 3986), the rest is encoded.
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
