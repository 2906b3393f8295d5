//! Texts of peers for a terminal: without characters that move the cursor, change colours or
//! reverse the text.

use std::borrow::Cow;

/// The text with its line ends and tabs; other control characters are replaced.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if text.contains(is_hostile) {
        text.replace("\r\n", "\n").replace(is_hostile, "\u{fffd}").into()
    } else {
        text.into()
    }
}

/// The beginning of the text on one line, with at most this many characters.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ").replace(is_hostile, "\u{fffd}");
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

/// Control characters, and marks that make a text read differently than it is written.
fn is_hostile(letter: char) -> bool {
    match letter {
        '\n' | '\t' => false,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => true,
        other => other.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_told_anything_but_text() {
        assert_eq!(plain("a\tb\nü 漢"), "a\tb\nü 漢");
        assert_eq!(plain("a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
        assert_eq!(plain("x\r\ny\rz"), "x\ny\u{fffd}z");
        assert_eq!(plain("\u{9b}31m\u{7f}\u{202e}gpj.exe"), "\u{fffd}31m\u{fffd}\u{fffd}gpj.exe");
    }

    #[test]
    fn a_line_is_one_line_and_not_longer_than_that() {
        assert_eq!(one_line("  one\n two\u{7}\tthree", 80), "one two\u{fffd} three");
        assert_eq!(one_line("äöü xyz", 4), "äöü…");
        assert_eq!(one_line("äöü", 3), "äöü");
    }
}
