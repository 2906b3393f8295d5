//! A validating JSON scanner that yields byte ranges instead of values.
//!
//! It accepts exactly the texts of RFC 8259 up to [`MAX_DEPTH`] levels of nesting, in one pass,
//! without recursion and, at usual depths, without allocation. The caller has checked UTF-8.

use std::borrow::Cow;

use memchr::memchr2;

use super::folding::LONGEST;
use unescaped::Unescaped;

mod unescaped;

/// Deepest nesting that is accepted: deep enough for any schema, shallow enough for every parser
/// behind the proxy (recursive ones fail near 1,000).
pub(crate) const MAX_DEPTH: usize = 512;

/// A range of bytes in a message. Messages are shorter than 4 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Position of the first byte.
    pub start: u32,
    /// Position behind the last byte.
    pub end: u32,
}

impl Span {
    /// From `start` to before `end`.
    #[expect(clippy::cast_possible_truncation, reason = "Scanner::new refuses longer texts")]
    pub fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// As positions in a slice.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The bytes of `text` in this range; none if the text is shorter.
    pub fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.range()).unwrap_or_default()
    }

    /// The same range in a text that begins `by` bytes later.
    #[must_use]
    pub fn shifted(self, by: usize) -> Self {
        Self::new(self.start as usize - by, self.end as usize - by)
    }
}

/// Where and why a text is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at byte {at}")]
pub struct SyntaxError {
    /// Position of the byte.
    pub at: usize,
    /// What is wrong.
    pub problem: &'static str,
}

/// A raw key between its quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'a> {
    raw: &'a [u8],
    escaped: bool,
    /// Position of its opening quote.
    pub start: usize,
}

impl<'a> Key<'a> {
    /// Compares with a plain name, even if the key contains escapes.
    #[inline]
    pub(crate) fn is(&self, name: &str) -> bool {
        if self.escaped {
            Unescaped::of(self.raw).eq(name.bytes())
        } else {
            self.raw == name.as_bytes()
        }
    }

    /// Calls `select` with the decoded key. A key with escapes is cut at [`LONGEST`] bytes, to
    /// avoid an allocation: all known names are shorter.
    #[inline]
    pub(crate) fn with<T>(&self, select: impl FnOnce(&[u8]) -> T) -> T {
        if self.escaped { self.with_decoded(select) } else { select(self.raw) }
    }

    #[cold]
    fn with_decoded<T>(&self, select: impl FnOnce(&[u8]) -> T) -> T {
        let mut decoded = [0; LONGEST];
        let mut length = 0;
        for (place, byte) in decoded.iter_mut().zip(Unescaped::of(self.raw)) {
            *place = byte;
            length += 1;
        }
        select(&decoded[..length])
    }

    /// The decoded key.
    pub(crate) fn text(&self) -> Cow<'a, str> {
        match std::str::from_utf8(self.raw) {
            Ok(text) if !self.escaped => text.into(),
            _ => decode(self.raw).into(),
        }
    }
}

/// The text of a JSON string; `raw` is between the quotes.
#[cold]
pub(crate) fn decode(raw: &[u8]) -> String {
    let quoted = [b"\"", raw, b"\""].concat();
    serde_json::from_slice(&quoted).unwrap_or_else(|_| String::from_utf8_lossy(raw).into_owned())
}

/// The text of a raw JSON string with its quotes; `None` if it is something else.
pub fn decode_string(raw: &[u8]) -> Option<String> {
    string_text(raw).map(Cow::into_owned)
}

/// The same; copies only strings with escapes. The text was scanned before.
pub fn string_text(raw: &[u8]) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if inner.contains(&b'\\') {
        return serde_json::from_slice(raw).ok().map(Cow::Owned);
    }
    std::str::from_utf8(inner).ok().map(Cow::Borrowed)
}

/// Position in a text.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    breaks: bool,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Result<Self, SyntaxError> {
        if u32::try_from(text.len()).is_err() {
            return Err(SyntaxError { at: 0, problem: "text of 4 GiB or more" });
        }
        Ok(Self { text, at: 0, breaks: false })
    }

    /// At the beginning of a value in a text that was scanned before; the scanner does not read
    /// beyond it.
    pub(crate) fn within(text: &'a [u8], value: Span) -> Option<Self> {
        let text = text.get(..value.end as usize)?;
        Some(Self { text, at: value.start as usize, breaks: false })
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Whether a line break was seen between tokens.
    pub(crate) fn breaks(&self) -> bool {
        self.breaks
    }

    /// First byte of the next token.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        match self.text.get(self.at) {
            Some(&byte) if byte > b' ' => Some(byte),
            _ => self.peek_past_space(),
        }
    }

    /// Few messages have white space between their tokens.
    #[cold]
    fn peek_past_space(&mut self) -> Option<u8> {
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b' ' | b'\t' => {}
                b'\n' | b'\r' => self.breaks = true,
                _ => return Some(byte),
            }
            self.at += 1;
        }
        None
    }

    /// Checks that only white space is left.
    pub(crate) fn finish(&mut self) -> Result<(), SyntaxError> {
        if self.peek().is_none() { Ok(()) } else { Err(self.error("text after the value")) }
    }

    pub(crate) fn error(&self, problem: &'static str) -> SyntaxError {
        SyntaxError { at: self.at, problem }
    }

    pub(crate) fn expect(&mut self, byte: u8, problem: &'static str) -> Result<(), SyntaxError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.error(problem))
        }
    }

    /// Enters an object; afterwards [`Self::next_key`] walks its members.
    pub(crate) fn enter_object(&mut self) -> Result<Members, SyntaxError> {
        self.expect(b'{', "expected an object")?;
        Ok(Members { first: true })
    }

    /// The next key of the object, with the position at its value; `None` past its end.
    pub(crate) fn next_key(
        &mut self,
        members: &mut Members,
    ) -> Result<Option<Key<'a>>, SyntaxError> {
        match self.peek() {
            Some(b'}') => {
                self.at += 1;
                return Ok(None);
            }
            Some(b',') if !members.first => self.at += 1,
            _ if members.first => {}
            _ => return Err(self.error("expected , or }")),
        }
        members.first = false;
        if self.peek() != Some(b'"') {
            return Err(self.error("expected a key"));
        }
        let (span, escaped) = self.string()?;
        self.expect(b':', "expected :")?;
        Ok(Some(Key { raw: span.of(self.text), escaped, start: span.range().start - 1 }))
    }

    /// Skips one value of any kind.
    pub(crate) fn value(&mut self) -> Result<Span, SyntaxError> {
        let Some(first) = self.peek() else { return Err(self.error("expected a value")) };
        let start = self.at;
        match first {
            b'"' => {
                self.string()?;
            }
            b'{' | b'[' => self.container()?,
            _ => self.scalar(first)?,
        }
        Ok(Span::new(start, self.at))
    }

    /// Content of a string between its quotes, and whether it contains escapes.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<(Span, bool), SyntaxError> {
        let start = self.at + 1;
        match short_string(self.text, start) {
            Some(end) => {
                self.at = end + 1;
                Ok((Span::new(start, end), false))
            }
            None => self.any_string(),
        }
    }

    #[inline(never)]
    fn any_string(&mut self) -> Result<(Span, bool), SyntaxError> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            let rest = &self.text[self.at..];
            let Some(found) = string_stop(rest) else {
                return Err(self.error("unterminated string"));
            };
            self.at += found;
            match self.text[self.at] {
                b'"' => {
                    self.at += 1;
                    return Ok((Span::new(start, self.at - 1), escaped));
                }
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return Err(self.error("control character in a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), SyntaxError> {
        match self.text.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = self.text.get(self.at + 2..self.at + 6);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return Err(self.error("malformed \\u escape"));
                }
                self.at += 6;
            }
            _ => return Err(self.error("unknown escape")),
        }
        Ok(())
    }

    fn scalar(&mut self, first: u8) -> Result<(), SyntaxError> {
        let word: &[u8] = match first {
            b't' => b"true",
            b'f' => b"false",
            b'n' => b"null",
            b'-' | b'0'..=b'9' => return self.number(),
            _ => return Err(self.error("expected a value")),
        };
        if !self.text[self.at..].starts_with(word) {
            return Err(self.error("expected a value"));
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), SyntaxError> {
        if self.text[self.at] == b'-' {
            self.at += 1;
        }
        let whole = self.digits();
        if whole == 0 || (whole > 1 && self.text[self.at - whole] == b'0') {
            return Err(self.error("malformed number"));
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(self.error("malformed number"));
            }
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.text.get(self.at) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(self.error("malformed number"));
            }
        }
        Ok(())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while let Some(word) = word_at(self.text, self.at)
            && are_digits(word)
        {
            self.at += 8;
        }
        while let Some(b'0'..=b'9') = self.text.get(self.at) {
            self.at += 1;
        }
        self.at - start
    }

    /// Skips an object or array with an explicit stack: one bit per open level.
    fn container(&mut self) -> Result<(), SyntaxError> {
        let mut open = Nesting::default();
        loop {
            let first = self.peek().ok_or_else(|| self.error("expected a value"))?;
            let opened = matches!(first, b'{' | b'[');
            match first {
                b'{' | b'[' => {
                    self.at += 1;
                    if !open.push(first == b'{') {
                        return Err(self.error("nested too deeply"));
                    }
                }
                b'"' => {
                    self.string()?;
                }
                _ => self.scalar(first)?,
            }
            if !self.after_value(&mut open, opened)? {
                return Ok(());
            }
        }
    }

    /// Moves to the next value inside the container; `false` when the outermost one has ended.
    fn after_value(&mut self, open: &mut Nesting, mut opened: bool) -> Result<bool, SyntaxError> {
        loop {
            let object = open.innermost();
            let end = if object { b'}' } else { b']' };
            match self.peek() {
                Some(byte) if byte == end => {
                    self.at += 1;
                    if !open.pop() {
                        return Ok(false);
                    }
                    opened = false;
                    continue;
                }
                Some(b',') if !opened => self.at += 1,
                Some(_) if opened => {}
                _ => {
                    return Err(self.error(if object {
                        "expected , or }"
                    } else {
                        "expected , or ]"
                    }));
                }
            }
            if object {
                if self.peek() != Some(b'"') {
                    return Err(self.error("expected a key"));
                }
                self.string()?;
                self.expect(b':', "expected :")?;
            }
            return Ok(true);
        }
    }
}

/// Iterates over the members of one object.
#[derive(Debug)]
pub(crate) struct Members {
    first: bool,
}

/// Kinds of the open containers, outermost first; `true` is an object.
#[derive(Debug, Default)]
struct Nesting {
    bits: [u64; MAX_DEPTH / 64],
    depth: usize,
}

impl Nesting {
    fn push(&mut self, object: bool) -> bool {
        let Some(word) = self.bits.get_mut(self.depth / 64) else { return false };
        let bit = 1u64 << (self.depth % 64);
        if object {
            *word |= bit;
        } else {
            *word &= !bit;
        }
        self.depth += 1;
        true
    }

    /// Closes the innermost container; `false` when it was the last.
    fn pop(&mut self) -> bool {
        self.depth -= 1;
        self.depth > 0
    }

    fn innermost(&self) -> bool {
        let top = self.depth - 1;
        self.bits[top / 64] >> (top % 64) & 1 == 1
    }
}

/// Where a string ends that begins here and has no escapes, if that is near. Most are so, above all
/// keys.
#[inline]
fn short_string(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    for _ in 0..2 {
        let stops = stops_in(word_at(text, at)?);
        if stops != 0 {
            let end = at + stops.trailing_zeros() as usize / 8;
            return (text.get(end) == Some(&b'"')).then_some(end);
        }
        at += 8;
    }
    None
}

/// The next eight bytes, if there are so many; the first one is the lowest.
#[inline]
fn word_at(text: &[u8], at: usize) -> Option<u64> {
    text.get(at..)?.first_chunk().map(|word| u64::from_le_bytes(*word))
}

/// Whether all bytes of a word are digits.
fn are_digits(word: u64) -> bool {
    const ONES: u64 = u64::MAX / 0xff;
    let is_row = |word: u64| word & (ONES * 0xf0) == ONES * 0x30;
    is_row(word) && is_row(word.wrapping_add(ONES * 6))
}

/// Offset of the first byte that ends or interrupts a string: quote, backslash, control character.
///
/// Most strings are short, and end within words that are examined as a whole.
fn string_stop(rest: &[u8]) -> Option<usize> {
    const NEAR: usize = 32;
    let near = &rest[..rest.len().min(NEAR)];
    let (words, odd) = near.as_chunks();
    for (place, word) in words.iter().enumerate() {
        let stops = stops_in(u64::from_le_bytes(*word));
        if stops != 0 {
            return Some(place * 8 + stops.trailing_zeros() as usize / 8);
        }
    }
    if !odd.is_empty() {
        let stop = odd.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
        return stop.map(|place| near.len() - odd.len() + place);
    }
    let far = &rest[near.len()..];
    let found = memchr2(b'"', b'\\', far).unwrap_or(far.len());
    let control = if has_control(&far[..found]) {
        far[..found].iter().position(|&byte| byte < 0x20)
    } else {
        None
    };
    let found = near.len() + control.unwrap_or(found);
    (found < rest.len()).then_some(found)
}

/// Sets the highest bit of every byte that is a quote, a backslash or a control character, and
/// perhaps of bytes above the lowest such one.
fn stops_in(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES * 0x80;
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, 0x20) | is(b'"') | is(b'\\')) & HIGH
}

/// The minimum of a whole chunk compiles to vector instructions.
fn has_control(bytes: &[u8]) -> bool {
    bytes.chunks(256).any(|chunk| chunk.iter().fold(u8::MAX, |least, &byte| least.min(byte)) < 0x20)
}

/// Value of a member of the object in `span`; the last one if the key is repeated.
///
/// For handshakes and other places where a single value decides; the text was scanned before.
pub fn find_member(text: &[u8], span: Span, name: &str) -> Option<Span> {
    let mut scanner = Scanner::within(text, span)?;
    let mut members = scanner.enter_object().ok()?;
    let mut found = None;
    while let Ok(Some(key)) = scanner.next_key(&mut members) {
        let value = scanner.value().ok()?;
        if key.is(name) {
            found = Some(value);
        }
    }
    found
}

/// The range to remove so that the object in `span` loses a member, comma included.
pub fn find_removal(text: &[u8], span: Span, name: &str) -> Option<Span> {
    let mut scanner = Scanner::within(text, span)?;
    let mut members = scanner.enter_object().ok()?;
    loop {
        let start = scanner.at();
        let first = members.first;
        let key = scanner.next_key(&mut members).ok()??;
        scanner.value().ok()?;
        if !key.is(name) {
            continue;
        }
        let end = scanner.at();
        let comma = first && scanner.peek() == Some(b',');
        return Some(Span::new(start, if comma { scanner.at() + 1 } else { end }));
    }
}

#[cfg(test)]
mod tests;
