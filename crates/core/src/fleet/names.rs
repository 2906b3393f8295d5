//! Names of servers: in front of their tools, and in paths.

/// What stands in front of a server's names where servers are merged: each run of characters
/// outside `[A-Za-z0-9-]` becomes one `_`, none at the end, so that the first `__` ends it.
pub fn prefix(name: &str) -> String {
    let mut prefix = String::with_capacity(name.len());
    for letter in name.chars() {
        if letter.is_ascii_alphanumeric() || letter == '-' {
            prefix.push(letter);
        } else if !prefix.ends_with('_') {
            prefix.push('_');
        }
    }
    prefix.truncate(prefix.trim_end_matches('_').len());
    prefix
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
    fn a_prefix_is_what_tools_may_be_called() {
        for (name, expected) in [
            ("files", "files"),
            ("my server", "my_server"),
            ("a//b", "a_b"),
            ("größe", "gr_e"),
            ("a__b", "a_b"),
            ("x.y-z", "x_y-z"),
            ("日本", ""),
            ("a_", "a"),
        ] {
            assert_eq!(prefix(name), expected);
            assert!(!prefix(name).contains("__"));
        }
    }

    #[test]
    fn a_segment_holds_no_separator() {
        assert_eq!(segment("a/b c?"), "a%2Fb%20c%3F");
        assert_eq!(segment("é~"), "%C3%A9~");
    }
}
