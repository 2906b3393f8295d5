//! Images in terminals that support them: the protocols of kitty and iTerm2.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Longest piece of an image in one sequence, according to kitty.
const PIECE: usize = 4096;

/// How a terminal shows an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// PNG only.
    Kitty,
    /// Any format that the system reads.
    Iterm,
}

impl Protocol {
    /// The protocol of the terminal that sets these variables.
    pub(super) fn of(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let value = |name| variable(name).unwrap_or_default();
        let program = value("TERM_PROGRAM");
        // Behind a multiplexer, the sequences do not reach the terminal.
        if !value("TMUX").is_empty() || value("TERM").starts_with("screen") {
            return None;
        }
        match program.as_str() {
            "iTerm.app" | "WezTerm" => Some(Self::Iterm),
            "ghostty" => Some(Self::Kitty),
            _ if value("TERM") == "xterm-kitty" || !value("KITTY_WINDOW_ID").is_empty() => {
                Some(Self::Kitty)
            }
            _ => None,
        }
    }

    /// The sequence that shows the image; `None` if the terminal cannot.
    pub(super) fn sequence(self, mime: &str, bytes: &[u8]) -> Option<String> {
        // Encoded again, so that no text from the peer is sent to the terminal.
        let text = STANDARD.encode(bytes);
        match self {
            Self::Iterm => {
                let size = bytes.len();
                Some(format!("\u{1b}]1337;File=inline=1;size={size}:{text}\u{7}\n"))
            }
            Self::Kitty if mime != "image/png" => None,
            Self::Kitty => Some(kitty(&text)),
        }
    }
}

fn kitty(text: &str) -> String {
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(PIECE).collect();
    let mut sequence = String::with_capacity(text.len() + 32 * pieces.len());
    for (index, piece) in pieces.iter().enumerate() {
        let head = if index == 0 { "f=100,a=T," } else { "" };
        let more = u8::from(index + 1 < pieces.len());
        let control = format!("\u{1b}_G{head}m={more};");
        sequence.push_str(&control);
        sequence.push_str(&String::from_utf8_lossy(piece));
        sequence.push_str("\u{1b}\\");
    }
    sequence.push('\n');
    sequence
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal(variables: &[(&str, &str)]) -> Option<Protocol> {
        Protocol::of(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn terminals_are_known_by_what_they_set() {
        assert_eq!(terminal(&[("TERM", "xterm-256color")]), None);
        assert_eq!(terminal(&[("TERM", "xterm-kitty")]), Some(Protocol::Kitty));
        assert_eq!(terminal(&[("TERM_PROGRAM", "WezTerm")]), Some(Protocol::Iterm));
        assert_eq!(terminal(&[("TERM_PROGRAM", "iTerm.app"), ("TMUX", "/x")]), None);
    }

    #[test]
    fn a_long_image_comes_in_pieces_of_which_the_last_says_so() {
        let sequence = Protocol::Kitty.sequence("image/png", &[7; 7000]).unwrap();
        let pieces: Vec<&str> = sequence.trim_end().split_inclusive("\u{1b}\\").collect();
        assert_eq!(pieces.len(), 3);
        assert!(pieces[0].starts_with("\u{1b}_Gf=100,a=T,m=1;"));
        assert!(pieces[2].starts_with("\u{1b}_Gm=0;"));
        assert!(pieces.iter().all(|piece| piece.len() < PIECE + 32));
        assert_eq!(Protocol::Kitty.sequence("image/jpeg", b"x"), None);
    }
}
