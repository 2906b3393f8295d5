//! Invisible characters.

/// Whether a character is invisible and changes how a text is read: marks that reverse its
/// direction, zero-width ones, and the tag characters in which whole sentences can hide.
pub(crate) fn is_unseen(letter: char) -> bool {
    matches!(letter,
        '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2060}' | '\u{feff}'
        | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}')
}

/// The first character of a text that a person would not see; line ends and tabs do not count.
pub(crate) fn first_unseen(text: &str) -> Option<char> {
    let hidden = |letter: &char| {
        is_unseen(*letter) || (letter.is_control() && !matches!(letter, '\n' | '\r' | '\t'))
    };
    text.chars().find(hidden)
}
