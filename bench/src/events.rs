//! The messages of an event stream. Every contestant writes a message as one `data:` line, so
//! lines are all that is looked at.

use bytes::{Bytes, BytesMut};

use crate::{failure::Failure, http::HttpConnection};

const FIELD: &[u8] = b"data:";

/// Finds `data:` lines in what arrives.
#[derive(Debug, Default)]
pub(crate) struct EventLines {
    input: BytesMut,
    /// The first bytes that contain no line end: this many.
    scanned: usize,
}

impl EventLines {
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.input.extend_from_slice(piece);
    }

    /// The next complete `data:` value.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        loop {
            let Some(length) = memchr::memchr(b'\n', &self.input[self.scanned..]) else {
                self.scanned = self.input.len();
                return None;
            };
            let mut line = self.input.split_to(self.scanned + length + 1);
            self.scanned = 0;
            if line.starts_with(FIELD) {
                let value = line.split_off(FIELD.len()).freeze();
                let spaces = value.iter().take_while(|byte| **byte == b' ').count();
                let end = value.trim_ascii_end().len();
                return Some(value.slice(spaces.min(end)..end));
            }
        }
    }
}

/// A response that is an event stream and stays open.
#[derive(Debug)]
pub(crate) struct EventStream {
    connection: HttpConnection,
    lines: EventLines,
}

impl EventStream {
    pub(crate) fn new(connection: HttpConnection) -> Self {
        Self { connection, lines: EventLines::default() }
    }

    /// The next message; `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            if let Some(message) = self.lines.next() {
                return Ok(Some(message));
            }
            match self.connection.piece().await? {
                Some(piece) => self.lines.push(&piece),
                None => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_lines_are_found_however_they_arrive() {
        let wire =
            b": hello\nid: 1\ndata: \n\nevent: message\r\ndata: {\"a\":1}\r\n\r\ndata:{}\n\n";
        for at_once in 1..=wire.len() {
            let (mut lines, mut found) = (EventLines::default(), Vec::new());
            for piece in wire.chunks(at_once) {
                lines.push(piece);
                found.extend(std::iter::from_fn(|| lines.next()));
            }
            assert_eq!(found, ["", "{\"a\":1}", "{}"], "{at_once} bytes at once");
        }
    }
}
