//! The text of a file, and positions in it.

use std::{path::Path, sync::Arc};

use crate::fleet::fault::{Fault, Position, printable};

/// Largest file that is read: 16 MiB. Clients that keep all their state in the file have a few MiB.
const LARGEST: usize = 16 * 1024 * 1024;

/// Lines between two marks: places are found without an index as large as the file.
const APART: usize = 64;

/// A text with the name of its file.
#[derive(Clone, Debug)]
pub(in crate::fleet) struct Source {
    file: Arc<str>,
    text: Arc<str>,
    /// Where each of these groups of lines begins, see [`APART`].
    marks: Arc<[usize]>,
}

impl Source {
    /// The text of these bytes, without a byte order mark.
    pub(in crate::fleet) fn new(file: &str, mut bytes: Vec<u8>) -> Result<Self, Fault> {
        let mut source = Self { file: file.into(), text: "".into(), marks: [0].into() };
        if bytes.len() > LARGEST {
            return Err(source.whole(format!(
                "the file has {} bytes; a configuration may have at most {LARGEST}",
                bytes.len()
            )));
        }
        if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
            return Err(source.whole("the file is UTF-16; save it as UTF-8".to_owned()));
        }
        if bytes.starts_with(b"\xEF\xBB\xBF") {
            bytes.drain(..3);
        }
        match String::from_utf8(bytes) {
            Ok(text) => {
                source.set(&text);
                Ok(source)
            }
            Err(error) => {
                let (valid, bytes) = (error.utf8_error().valid_up_to(), error.as_bytes());
                let valid = bytes.get(..valid).unwrap_or_default();
                source.set(&String::from_utf8_lossy(valid));
                let message = "this byte is not UTF-8; save the file as UTF-8".to_owned();
                Err(source.fault(source.text.len(), message))
            }
        }
    }

    fn set(&mut self, text: &str) {
        self.text = text.into();
        let breaks = memchr::memchr_iter(b'\n', text.as_bytes());
        let later = breaks.skip(APART - 1).step_by(APART).map(|at| at + 1);
        self.marks = [0].into_iter().chain(later).collect();
    }

    pub(in crate::fleet) fn text(&self) -> &str {
        &self.text
    }

    pub(in crate::fleet) fn file(&self) -> &str {
        &self.file
    }

    /// The extension of the file's name, in lower case.
    pub(super) fn extension(&self) -> Option<String> {
        Some(Path::new(&*self.file).extension()?.to_str()?.to_ascii_lowercase())
    }

    /// The line and column of an offset.
    pub(in crate::fleet) fn position(&self, offset: usize) -> Position {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = self.marks.partition_point(|start| *start <= end).saturating_sub(1);
        let mark = self.marks.get(before).copied().unwrap_or_default();
        let since = self.text.get(mark..end).unwrap_or_default();
        let line = APART * before + memchr::memchr_iter(b'\n', since.as_bytes()).count() + 1;
        let column = since.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Position { line, column }
    }

    /// A fault at an offset.
    pub(in crate::fleet) fn fault(&self, offset: usize, message: String) -> Fault {
        Fault {
            file: Arc::clone(&self.file),
            position: Some(self.position(offset)),
            message: clean(message),
        }
    }

    /// A fault of the file as a whole.
    pub(in crate::fleet) fn whole(&self, message: String) -> Fault {
        Fault { file: Arc::clone(&self.file), position: None, message: clean(message) }
    }
}

/// A name in a message may contain control sequences for terminals.
fn clean(message: String) -> String {
    if message.contains(char::is_control) { printable(&message) } else { message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_by_its_line_and_column() {
        let lines: Vec<String> = (0..1000).map(|number| format!("{number}ä\n")).collect();
        let text = lines.concat();
        let source = Source::new("f", text.clone().into_bytes()).unwrap();
        for (at, line) in text.split_inclusive('\n').scan(0, |at, line| {
            let start = *at;
            *at += line.len();
            Some((start, line))
        }) {
            let number: usize = line.trim_end_matches(['ä', '\n']).parse().unwrap();
            let digits = number.to_string().len();
            let expected = Position { line: number + 1, column: digits + 2 };
            assert_eq!(source.position(at + line.len() - 1), expected, "{number}");
            assert_eq!(source.position(at), Position { line: number + 1, column: 1 });
        }
        assert_eq!(source.position(text.len()), Position { line: 1001, column: 1 });
        assert_eq!(source.marks.len(), 1 + 1000 / APART);
    }
}
