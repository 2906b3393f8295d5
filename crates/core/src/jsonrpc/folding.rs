//! Names that other JSON parsers may confuse: Go's `encoding/json` and others ignore case, and
//! parsers in C may end a name at a NUL.

/// Longest name that is compared; all known names are shorter.
pub(super) const LONGEST: usize = 64;

/// Whether a name is not a known one, but may be confused with one. It may be cut at [`LONGEST`]
/// bytes.
#[inline]
pub(super) fn folds_to(name: &[u8], known: &[&str]) -> bool {
    if name.len() > LONGEST {
        return false;
    }
    if name.is_ascii() && !name.contains(&0) {
        return known.iter().any(|known| {
            known.len() == name.len()
                && known.as_bytes().eq_ignore_ascii_case(name)
                && known.as_bytes() != name
        });
    }
    folds_to_beyond_ascii(name, known)
}

#[cold]
fn folds_to_beyond_ascii(name: &[u8], known: &[&str]) -> bool {
    let text = String::from_utf8_lossy(name);
    let folded: String = text.chars().take_while(|&letter| letter != '\0').map(fold).collect();
    known.iter().any(|known| known.eq_ignore_ascii_case(&folded))
}

/// The ASCII letter with which some comparison rule confuses this character: the long s and the
/// Kelvin sign in Unicode's simple folding, the two Turkish i in Java.
fn fold(letter: char) -> char {
    match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        '\u{130}' | '\u{131}' => 'i',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_another_reader_takes_for_a_known_one_are_told() {
        let known = ["id", "uri", "params", "progressToken", "task", "_meta"];
        for name in [
            "ID",
            "Id",
            "iD",
            "\u{131}d",
            "\u{130}D",
            "URI",
            "Params",
            "param\u{17f}",
            "progresstoken",
            "ProgressToken",
            "progressTo\u{212a}en",
            "ta\u{17f}\u{212a}",
            "id\0",
            "id\0\0",
            "ID\0x",
            "_Meta",
        ] {
            assert!(folds_to(name.as_bytes(), &known), "{name:?}");
        }
        for name in ["id", "uri", "_meta", "idx", "i", "", "\0id", "ids", "\u{e9}d", "identity"] {
            assert!(!folds_to(name.as_bytes(), &known), "{name:?}");
        }
        assert!(!folds_to(&[b'I'; LONGEST + 1], &known));
    }
}
