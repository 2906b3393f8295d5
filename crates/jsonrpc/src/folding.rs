//! Names that other JSON parsers may confuse: Go's `encoding/json` and others ignore case, and
//! parsers in C may end a name at a NUL.

/// Longest name that is compared; all known names are shorter.
pub(super) const LONGEST: usize = 64;

/// Whether a name is not a known one, but may be confused with one. It may be cut at [`LONGEST`]
/// bytes.
#[inline]
pub fn folds_to(name: &[u8], known: &[&str]) -> bool {
    if name.len() > LONGEST || known.iter().any(|known| known.as_bytes() == name) {
        return false;
    }
    if name.is_ascii() && !name.contains(&0) {
        return known.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name));
    }
    folds_to_beyond_ascii(name, known)
}

#[cold]
fn folds_to_beyond_ascii(name: &[u8], known: &[&str]) -> bool {
    let mut folded = [0; LONGEST];
    let mut length = 0;
    // A name that is cut may end within a character.
    let Some(text) = name.utf8_chunks().next().map(|chunk| chunk.valid()) else { return false };
    let letters = text.chars().take_while(|&letter| letter != '\0');
    for (place, letter) in folded.iter_mut().zip(letters) {
        // No known name has other characters.
        let Some(letter) = fold(letter) else { return false };
        *place = letter;
        length += 1;
    }
    known.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(&folded[..length]))
}

/// The ASCII character with which some comparison rule confuses this one: the long s and the Kelvin
/// sign in Unicode's simple folding, the two Turkish i in Java.
fn fold(letter: char) -> Option<u8> {
    match letter {
        '\u{17f}' => Some(b's'),
        '\u{212a}' => Some(b'k'),
        '\u{130}' | '\u{131}' => Some(b'i'),
        other => u8::try_from(other).ok().filter(u8::is_ascii),
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
