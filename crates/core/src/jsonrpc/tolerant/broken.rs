//! Finds the call to which an unreadable answer belongs.

use std::ops::Range;

/// What the quotes and brackets of a broken object reveal.
#[derive(Debug, Default)]
struct Skim {
    id: Option<Range<usize>>,
    /// How often it appears.
    ids: usize,
    has_version: bool,
    has_answer: bool,
    has_method: bool,
}

/// The raw id in a text that begins like an answer and breaks somewhere.
pub(super) fn answer_id(text: &[u8]) -> Option<&[u8]> {
    let skim = Skim::of(text);
    let is_answer = !skim.has_method && (skim.has_answer || skim.has_version) && skim.ids == 1;
    skim.id.filter(|_| is_answer).and_then(|id| text.get(id))
}

impl Skim {
    fn of(text: &[u8]) -> Self {
        let mut skim = Self::default();
        let (mut at, mut depth) = (0, 0_usize);
        // The key whose value comes, and whether the next string is a key.
        let (mut key, mut key_comes): (&[u8], bool) = (b"", false);
        while let Some(&byte) = text.get(at) {
            let mut next = at + 1;
            match byte {
                b'"' => {
                    next = string_end(text, at);
                    let inner = text.get(at + 1..next - 1).unwrap_or_default();
                    match (depth, key_comes) {
                        (1, true) => {
                            (key, key_comes) = (inner, false);
                            skim.note(key);
                        }
                        (1, false) if key == b"id" => skim.id = Some(at..next),
                        _ => {}
                    }
                }
                b'{' | b'[' => {
                    depth += 1;
                    key_comes = depth == 1;
                }
                b'}' | b']' => depth = depth.saturating_sub(1),
                b',' => key_comes = depth == 1,
                b'-' | b'0'..=b'9' => {
                    next = number_end(text, at);
                    if depth == 1 && key == b"id" && !key_comes && next < text.len() {
                        skim.id = Some(at..next);
                    }
                }
                _ => {}
            }
            at = next;
        }
        skim
    }

    fn note(&mut self, key: &[u8]) {
        match key {
            b"id" => self.ids += 1,
            b"jsonrpc" => self.has_version = true,
            b"result" | b"error" => self.has_answer = true,
            b"method" => self.has_method = true,
            _ => {}
        }
    }
}

/// The position after the closing quote of this string; the end of the text if there is none.
fn string_end(text: &[u8], opening: usize) -> usize {
    let mut at = opening + 1;
    while let Some(found) = text.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if text[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    text.len()
}

fn number_end(text: &[u8], start: usize) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E');
    let length = text.get(start..).unwrap_or_default().iter().take_while(|byte| is_part(byte));
    start + length.count()
}
