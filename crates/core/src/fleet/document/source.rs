//! The text of a file, and places in it.

use std::{path::Path, sync::Arc};

use crate::fleet::fault::{Fault, Position, printable};

/// Largest file that is read: 16 MiB. Files that clients keep their whole state in have a few.
const LARGEST: usize = 16 * 1024 * 1024;

/// A text with the name of its file.
#[derive(Clone, Debug)]
pub(in crate::fleet) struct Source {
    file: Arc<str>,
    text: Arc<str>,
    /// Where each line begins.
    lines: Arc<[usize]>,
}

impl Source {
    /// The text of these bytes; a byte order mark is left out.
    pub(in crate::fleet) fn new(file: &str, bytes: &[u8]) -> Result<Self, Fault> {
        let mut source = Self { file: file.into(), text: "".into(), lines: [0].into() };
        if bytes.len() > LARGEST {
            return Err(source.whole(format!(
                "the file has {} bytes; a configuration may have {LARGEST}",
                bytes.len()
            )));
        }
        if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
            return Err(source.whole("the file is UTF-16; save it as UTF-8".to_owned()));
        }
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                source.set(text);
                Ok(source)
            }
            Err(error) => {
                let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
                source.set(&String::from_utf8_lossy(valid));
                let message = "this byte is not UTF-8; save the file as UTF-8".to_owned();
                Err(source.fault(source.text.len(), message))
            }
        }
    }

    fn set(&mut self, text: &str) {
        self.text = text.into();
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        self.lines = [0].into_iter().chain(breaks.map(|(at, _)| at + 1)).collect();
    }

    pub(in crate::fleet) fn text(&self) -> &str {
        &self.text
    }

    pub(in crate::fleet) fn file(&self) -> &str {
        &self.file
    }

    /// What is behind the last dot of the file's name, in lower case.
    pub(super) fn extension(&self) -> Option<String> {
        Some(Path::new(&*self.file).extension()?.to_str()?.to_ascii_lowercase())
    }

    /// Where an offset is.
    pub(in crate::fleet) fn position(&self, offset: usize) -> Position {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let line = self.lines.partition_point(|start| *start <= end);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let column = self.text.get(start..end).unwrap_or_default().chars().count() + 1;
        Position { line, column }
    }

    /// What is wrong at an offset.
    pub(in crate::fleet) fn fault(&self, offset: usize, message: String) -> Fault {
        Fault {
            file: Arc::clone(&self.file),
            position: Some(self.position(offset)),
            message: clean(message),
        }
    }

    /// What is wrong with the file as a whole.
    pub(in crate::fleet) fn whole(&self, message: String) -> Fault {
        Fault { file: Arc::clone(&self.file), position: None, message: clean(message) }
    }
}

/// A name in a sentence may hold what a terminal obeys.
fn clean(message: String) -> String {
    if message.contains(char::is_control) { printable(&message) } else { message }
}
