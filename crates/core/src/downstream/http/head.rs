//! Finds out something that is lost when a request head is parsed: that it has a length besides a
//! transfer coding, or several lengths.
//!
//! hyper reads such a request by its coding and forgets the length (RFC 9112, 6.3, allows that), and
//! of equal lengths it keeps one. A proxy in front may have read it by the length, and Node's server
//! refuses a second one. So heads are scanned on their way to hyper.

use memchr::memchr;

const LENGTH: &[u8] = b"content-length";
const VERSIONS: [&[u8]; 2] = [b"HTTP/1.1", b"HTTP/1.0"];
/// Bytes that are kept of a line, from its beginning and from its end.
const KEPT: usize = 16;

/// Longest head, in bytes.
pub(super) const MAX_HEAD: usize = 64 * 1024;

/// Whether a head gives a length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Length {
    /// Unknown: the head was not seen from its beginning.
    #[default]
    Unseen,
    None,
    Given,
    /// More than once.
    Repeated,
    /// The head itself is too long.
    OfTooMuch,
}

impl Length {
    /// Whether the request is refused for it.
    pub(super) fn is_odd(self) -> bool {
        matches!(self, Self::Repeated | Self::OfTooMuch)
    }

    /// The value from which `as u8` made this number.
    pub(super) fn of(number: u8) -> Self {
        let all = [Self::Unseen, Self::None, Self::Given, Self::Repeated, Self::OfTooMuch];
        all.get(usize::from(number)).copied().unwrap_or_default()
    }
}

/// A head, as far as it has arrived.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "what was seen, in any combination")]
pub(super) struct Head {
    /// The beginning of the line, only as long as the names that it is compared with.
    start: Vec<u8>,
    /// The end of the first line.
    end: Vec<u8>,
    size: usize,
    is_begun: bool,
    is_request: bool,
    lengths: usize,
    is_over: bool,
    /// The names of the fields, each followed by a line break, if they are wanted.
    names: Option<Vec<u8>>,
    /// The name on this line is complete.
    is_named: bool,
}

/// The names of a request's header fields as they were spelled, each followed by a line break.
#[derive(Clone, Debug)]
pub(super) struct Spelled(pub(super) Vec<u8>);

impl Head {
    /// A head that keeps the names.
    pub(super) fn spelling() -> Self {
        Self { names: Some(Vec::new()), ..Self::default() }
    }

    /// An empty one with the same setting, for the next request.
    pub(super) fn next(&self) -> Self {
        if self.names.is_some() { Self::spelling() } else { Self::default() }
    }

    /// The names, once the head is complete.
    pub(super) fn names(&mut self) -> Option<Vec<u8>> {
        self.names.as_mut().map(std::mem::take)
    }

    /// Takes the next bytes; returns the result once the head is complete.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> Option<Length> {
        while !self.is_over {
            let Some(at) = memchr(b'\n', bytes) else {
                self.extend(bytes);
                return None;
            };
            let (line, rest) = bytes.split_at(at);
            self.extend(line);
            self.end_line();
            bytes = rest.get(1..).unwrap_or_default();
            if self.is_over {
                return Some(self.said());
            }
        }
        None
    }

    fn said(&self) -> Length {
        match (self.is_request, self.lengths) {
            _ if self.size > MAX_HEAD => Length::OfTooMuch,
            (false, _) => Length::Unseen,
            (true, 0) => Length::None,
            (true, 1) => Length::Given,
            (true, _) => Length::Repeated,
        }
    }

    fn extend(&mut self, part: &[u8]) {
        self.size += part.len();
        self.spell(part);
        let room = KEPT - self.start.len();
        self.start.extend_from_slice(part.get(..room).unwrap_or(part));
        if !self.is_begun {
            let last = part.len().saturating_sub(KEPT);
            self.end.extend_from_slice(part.get(last..).unwrap_or_default());
            let old = self.end.len().saturating_sub(KEPT);
            self.end.drain(..old);
        }
    }

    /// Keeps the bytes that belong to a field name.
    fn spell(&mut self, part: &[u8]) {
        let Some(names) = self.names.as_mut().filter(|_| self.is_begun && !self.is_named) else {
            return;
        };
        let end = memchr(b':', part);
        self.is_named = end.is_some();
        // Longer names are refused.
        if names.len() + part.len() <= MAX_HEAD {
            names.extend_from_slice(part.get(..end.unwrap_or(part.len())).unwrap_or_default());
        }
    }

    fn end_line(&mut self) {
        self.size += 1;
        if let Some(names) = self.names.as_mut().filter(|_| self.is_named) {
            names.push(b'\n');
        }
        self.is_named = false;
        let is_empty = matches!(&self.start[..], b"" | b"\r");
        if !self.is_begun {
            // Empty lines before the request are skipped.
            self.is_begun = !is_empty;
            let version = self.end.strip_suffix(b"\r").unwrap_or(&self.end);
            self.is_request = VERSIONS.iter().any(|known| version.ends_with(known));
        } else if is_empty {
            self.is_over = true;
        } else if let Some((name, rest)) = self.start.split_at_checked(LENGTH.len()) {
            let ends = matches!(rest.first(), Some(b':' | b' ' | b'\t'));
            self.lengths += usize::from(ends && name.eq_ignore_ascii_case(LENGTH));
        }
        self.start.clear();
    }
}

/// Properties of every head.
#[cfg(any(test, feature = "internals"))]
pub(crate) mod oracle {
    use super::{Head, KEPT, Length, VERSIONS};

    /// The result does not depend on where reads cut a head, and the head is not kept.
    pub(crate) fn check(bytes: &[u8], step: usize) {
        let whole = Head::default().take(bytes);
        let mut head = Head::default();
        let mut said = None;
        for part in bytes.chunks(step.max(1)) {
            said = said.or(head.take(part));
            assert!(head.start.len() <= KEPT && head.end.len() <= KEPT);
        }
        assert_eq!(said, whole);
        // Whatever hyper may take for a length was seen.
        let lower = bytes.to_ascii_lowercase();
        let has = |text: &[u8]| memchr::memmem::find(&lower, text).is_some();
        if matches!(whole, Some(Length::Given | Length::Repeated)) {
            assert!(has(super::LENGTH));
        }
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let simple = lines.next().is_some_and(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            VERSIONS.iter().any(|version| line.ends_with(version))
        });
        let mut head = lines.take_while(|line| !matches!(*line, b"" | b"\r"));
        let given = head.any(|line| line.to_ascii_lowercase().starts_with(b"content-length:"));
        assert!(
            !(simple && given && matches!(whole, Some(Length::None))),
            "a length was overlooked"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str, step: usize) -> Option<Length> {
        let mut head = Head::default();
        text.as_bytes().chunks(step).find_map(|part| head.take(part))
    }

    #[test]
    fn a_length_is_found_however_a_head_arrives() {
        let chunked = "Transfer-Encoding: chunked\r\n";
        for (text, expected) in [
            (format!("POST / HTTP/1.1\r\ncontent-LENGTH: 4\r\n{chunked}\r\n"), Length::Given),
            (format!("\r\n\nPOST / HTTP/1.1\n{chunked}Content-Length:4\n\n"), Length::Given),
            (
                "POST / HTTP/1.1\r\nContent-Length: 4\r\nA: b\r\ncontent-length:4\r\n\r\n".into(),
                Length::Repeated,
            ),
            (format!("POST / HTTP/1.1\r\n{chunked}\r\n"), Length::None),
            (format!("POST / HTTP/1.0\r\nX: Content-Length: 4\r\n{chunked}\r\n"), Length::None),
            (format!("POST / HTTP/1.1\r\nContent-Lengths: 4\r\n{chunked}\r\n"), Length::None),
            (format!("ngth: 4\r\n{chunked}\r\n"), Length::Unseen),
        ] {
            for step in 1..=text.len() {
                assert_eq!(said(&text, step), Some(expected), "{step} {text}");
                oracle::check(text.as_bytes(), step);
            }
            assert_eq!(said(text.trim_end(), 7), None, "it is not whole");
        }
    }

    #[test]
    fn nothing_behind_a_head_is_taken_for_it() {
        let text = "POST / HTTP/1.1\r\nA: b\r\n\r\nContent-Length: 4\r\n\r\n";
        for step in 1..=text.len() {
            assert_eq!(said(text, step), Some(Length::None), "{step}");
        }
    }
}
