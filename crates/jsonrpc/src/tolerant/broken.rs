//! Finds the call to which an unreadable answer belongs.

use std::{borrow::Cow, ops::Range};

use crate::escape;

/// What the quotes and brackets of a broken object reveal. Strings and keys may have the quotes of
/// other languages, and keys none.
#[derive(Debug, Default)]
struct Skim {
    id: Option<Range<usize>>,
    /// Whether it has several ids that differ.
    ids_differ: bool,
    has: Seen,
    /// Whether a key is not in double quotes.
    is_foreign: bool,
}

/// Members that were seen.
#[derive(Debug, Default)]
struct Seen {
    version: bool,
    /// A result or an error.
    answer: bool,
    method: bool,
}

/// The id, as JSON, of a text that begins like an answer and breaks somewhere.
pub(super) fn answer_id(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    let skim = Skim::of(text);
    let Seen { version, answer, method } = skim.has;
    // Programs show objects in this way, too, that are not messages.
    let says_so = if skim.is_foreign { answer && version } else { answer || version };
    let is_answer = says_so && !method && !skim.ids_differ;
    as_json(skim.id.filter(|_| is_answer).and_then(|id| text.get(id))?)
}

/// The id, as JSON, of a text that ends like an answer: with a version and an id. Only its
/// beginning is missing.
pub(super) fn id_at_end(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    let rest = text.trim_ascii_end().strip_suffix(b"}")?;
    let (rest, last) = last_member(rest)?;
    let (rest, first) = last_member(rest)?;
    let (((b"id", id), (b"jsonrpc", version)) | ((b"jsonrpc", version), (b"id", id))) =
        (first, last)
    else {
        return None;
    };
    let asks = last_member(rest).is_some_and(|(_, (key, _))| key == b"method");
    (version == b"\"2.0\"" && !asks).then(|| as_json(id)).flatten()
}

type Member<'a> = (&'a [u8], &'a [u8]);

/// A member with a plain value at the end of a text, and what is before it and its comma.
fn last_member(text: &[u8]) -> Option<(&[u8], Member<'_>)> {
    /// More than both members need.
    const MOST: usize = 2 * crate::MAX_ID;
    let from = text.len().saturating_sub(MOST);
    let comma = from + memchr::memrchr(b',', text.get(from..)?)?;
    let (before, member) = (text.get(..comma)?, text.get(comma + 1..)?);
    let colon = memchr::memchr(b':', member)?;
    let (key, value) = (member.get(..colon)?.trim_ascii(), member.get(colon + 1..)?.trim_ascii());
    let key = key.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    Some((before, (key, value)))
}

/// An id as JSON, however its quotes are spelled.
fn as_json(id: &[u8]) -> Option<Cow<'_, [u8]>> {
    match id {
        [b'"', inner @ .., b'"'] => (!inner.contains(&b'"')).then_some(Cow::Borrowed(id)),
        [b'\'', inner @ .., b'\''] => {
            let text = std::str::from_utf8(inner).ok().filter(|text| !text.contains('\\'))?;
            Some(Cow::Owned(escape(text).into_bytes()))
        }
        [b'-' | b'0'..=b'9', ..] if id.iter().all(|byte| is_of_number(*byte)) => {
            Some(Cow::Borrowed(id))
        }
        _ => None,
    }
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
                b'"' | b'\'' => {
                    next = string_end(text, at, byte);
                    let inner = text.get(at + 1..next - 1).unwrap_or_default();
                    match (depth, key_comes) {
                        (1, true) => {
                            (key, key_comes) = (inner, false);
                            skim.note(key, byte != b'"');
                        }
                        (1, false) if is_id(key) => skim.identify(text, at..next),
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
                    next = at + length_of(text, at, is_of_number);
                    if depth == 1 && is_id(key) && !key_comes && next < text.len() {
                        skim.identify(text, at..next);
                    }
                }
                b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$' => {
                    next = at + length_of(text, at, is_of_name);
                    if depth == 1 && key_comes {
                        (key, key_comes) = (text.get(at..next).unwrap_or_default(), false);
                        skim.note(key, true);
                    }
                }
                _ => {}
            }
            at = next;
        }
        skim
    }

    fn identify(&mut self, text: &[u8], id: Range<usize>) {
        let before = self.id.replace(id.clone());
        self.ids_differ |= before.is_some_and(|before| text.get(before) != text.get(id));
    }

    fn note(&mut self, key: &[u8], is_foreign: bool) {
        self.is_foreign |= is_foreign;
        let is = |name: &str| key.eq_ignore_ascii_case(name.as_bytes());
        self.has.version |= is("jsonrpc");
        self.has.answer |= is("result") || is("error");
        self.has.method |= is("method");
    }
}

fn is_id(key: &[u8]) -> bool {
    key.eq_ignore_ascii_case(b"id")
}

/// The position after the closing quote of this string; the end of the text if there is none.
fn string_end(text: &[u8], opening: usize, quote: u8) -> usize {
    let mut at = opening + 1;
    while let Some(found) = text.get(at..).and_then(|rest| memchr::memchr2(quote, b'\\', rest)) {
        at += found;
        if text[at] == quote {
            return at + 1;
        }
        at += 2;
    }
    text.len()
}

fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E')
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$')
}

/// How many bytes from here on are of a kind.
fn length_of(text: &[u8], start: usize, is_of: fn(u8) -> bool) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    rest.iter().take_while(|byte| is_of(**byte)).count()
}
