//! Finds secrets in the bytes of JSON, without a tree and without rewriting.
//!
//! Text that is not quite JSON is scanned, too; whatever looks like a string is one.

use std::ops::Range;

use super::{
    rules::{Hidden, REDACTED, Rules},
    shapes,
};

/// Replaces a whole value.
const VALUE: &str = "\"[redacted]\"";

/// A range, and its replacement.
pub(super) type Found = (Range<usize>, &'static str);

/// All secrets of a text, in their order.
pub(super) fn secrets(text: &[u8], rules: &Rules) -> Vec<Found> {
    let is_marked = shapes::is_marked(text);
    let (open, found) = (Vec::new(), Vec::new());
    let mut walk = Walk { text, rules, is_marked, open, hidden: None, found };
    let mut at = 0;
    while at < text.len() {
        at = walk.step(at);
    }
    if let Some((_, start)) = walk.hidden {
        walk.found.push((start..text.len(), VALUE));
    }
    walk.found
}

struct Walk<'a> {
    text: &'a [u8],
    rules: &'a Rules,
    /// Whether some string may contain a secret of a known form.
    is_marked: bool,
    open: Vec<Level>,
    /// A hidden object or array: its depth and its start.
    hidden: Option<(usize, usize)>,
    found: Vec<Found>,
}

/// An object or array that has not been closed.
struct Level {
    is_object: bool,
    /// The current member's name, without its quotes.
    name: Option<Range<usize>>,
    index: usize,
    /// Whether a value is expected, not a name.
    at_value: bool,
}

impl Walk<'_> {
    /// Takes one token; returns where the next one begins.
    fn step(&mut self, at: usize) -> usize {
        match self.text[at] {
            byte @ (b'{' | b'[') => {
                self.begin(at, byte == b'{');
                at + 1
            }
            b'}' | b']' => {
                self.end(at);
                at + 1
            }
            b',' => {
                if let Some(level) = self.open.last_mut() {
                    level.at_value = !level.is_object;
                    level.index += 1;
                }
                at + 1
            }
            b':' => {
                if let Some(level) = self.open.last_mut() {
                    level.at_value = true;
                }
                at + 1
            }
            b'"' => self.string(at),
            byte if byte.is_ascii_whitespace() => at + 1,
            _ => self.literal(at),
        }
    }

    fn begin(&mut self, at: usize, is_object: bool) {
        if self.hidden.is_none() && self.hides() == Hidden::Whatever {
            self.hidden = Some((self.open.len(), at));
        }
        self.open.push(Level { is_object, name: None, index: 0, at_value: !is_object });
    }

    fn end(&mut self, at: usize) {
        self.open.pop();
        if let Some((depth, start)) = self.hidden
            && self.open.len() <= depth
        {
            self.hidden = None;
            self.found.push((start..at + 1, VALUE));
        }
    }

    fn string(&mut self, at: usize) -> usize {
        let (inner, end) = string_from(self.text, at);
        if let Some(level) = self.open.last_mut().filter(|it| it.is_object && !it.at_value) {
            level.name = Some(inner);
            return end;
        }
        if self.hidden.is_some() {
            return end;
        }
        if self.hides() != Hidden::No && !inner.is_empty() {
            self.found.push((at..end, VALUE));
            return end;
        }
        let secrets = shapes::secrets_of(&self.text[inner.clone()], self.is_marked);
        let moved =
            secrets.into_iter().map(|it| (it.start + inner.start..it.end + inner.start, REDACTED));
        self.found.extend(moved);
        end
    }

    fn literal(&mut self, at: usize) -> usize {
        let rest = &self.text[at..];
        let length = rest.iter().position(|byte| b",:{}[]\" \t\r\n".contains(byte));
        let end = at + length.unwrap_or(rest.len()).max(1);
        let is_number = matches!(self.text[at], b'-' | b'0'..=b'9');
        if is_number && self.hidden.is_none() && self.hides() != Hidden::No {
            self.found.push((at..end, VALUE));
        }
        end
    }

    /// Whether the value that begins here is secret.
    fn hides(&self) -> Hidden {
        let by_name = match self.open.last() {
            Some(level) if level.is_object => {
                level.name.clone().map_or(Hidden::No, |name| self.rules.hides(&self.text[name]))
            }
            _ => Hidden::No,
        };
        let is_here = |path: &Vec<String>| {
            path.len() == self.open.len()
                && path.iter().zip(&self.open).all(|(step, level)| self.is_at(level, step))
        };
        if self.rules.paths.iter().any(is_here) { Hidden::Whatever } else { by_name }
    }

    fn is_at(&self, level: &Level, step: &str) -> bool {
        if step == "*" {
            return true;
        }
        match &level.name {
            Some(name) => self.text[name.clone()] == *step.as_bytes(),
            None => !level.is_object && step.parse() == Ok(level.index),
        }
    }
}

/// The content of the string that begins here, and its end; a truncated one has no closing quote.
fn string_from(text: &[u8], at: usize) -> (Range<usize>, usize) {
    let mut from = at + 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &text[from..]) {
        let found = from + found;
        if text[found] == b'"' {
            return (at + 1..found, found + 1);
        }
        from = (found + 2).min(text.len());
    }
    (at + 1..text.len(), text.len())
}
