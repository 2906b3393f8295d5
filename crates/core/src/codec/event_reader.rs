//! Decodes `text/event-stream` (WHATWG HTML, server-sent events), wherever reads cut it.
//!
//! Data on a single line, which is what every MCP server writes, is returned without a copy.

use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};

use super::line::TooLong;

/// Longest event id that is kept for resuming a stream.
const MAX_ID: usize = 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// An event that has data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// The event's type; empty means `message`.
    pub(crate) name: Bytes,
    pub(crate) data: Bytes,
}

impl Event {
    /// Whether it carries a message.
    pub(crate) fn is_message(&self) -> bool {
        self.name.is_empty() || &*self.name == b"message"
    }
}

/// The data of the event that is being read.
#[derive(Debug)]
enum Data {
    None,
    /// One line, which is not copied.
    Line(Bytes),
    /// Several, with line feeds between them.
    Lines(BytesMut),
}

impl Data {
    fn push(&mut self, line: Bytes) {
        match self {
            Self::None => *self = Self::Line(line),
            Self::Line(first) => {
                let mut lines = BytesMut::from(&first[..]);
                lines.extend_from_slice(b"\n");
                lines.extend_from_slice(&line);
                *self = Self::Lines(lines);
            }
            Self::Lines(lines) => {
                lines.extend_from_slice(b"\n");
                lines.extend_from_slice(&line);
            }
        }
    }
}

/// Collects reads and hands out complete events.
#[derive(Debug)]
pub(crate) struct EventReader {
    buffer: BytesMut,
    searched: usize,
    limit: usize,
    begun: bool,
    /// The last line ended with a carriage return; its line feed may still come.
    after_return: bool,
    name: Bytes,
    data: Data,
    /// Bytes of the lines that hold its data, line ends included.
    held: usize,
    last_id: Option<String>,
    retry: Option<Duration>,
}

impl EventReader {
    /// Events of more than `limit` bytes are refused.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            searched: 0,
            limit,
            begun: false,
            after_return: false,
            name: Bytes::new(),
            data: Data::None,
            held: 0,
            last_id: None,
            retry: None,
        }
    }

    /// A reader for the rest of a stream. Gets what is known from its beginning.
    pub(crate) fn resuming(mut self, last_id: String, retry: Option<Duration>) -> Self {
        self.last_id = Some(last_id);
        self.retry = retry;
        self
    }

    /// Adds what was read.
    pub(crate) fn push(&mut self, read: &[u8]) {
        self.buffer.extend_from_slice(read);
    }

    /// The next complete event with data.
    pub(crate) fn next_event(&mut self) -> Result<Option<Event>, TooLong> {
        while let Some(line) = self.next_line()? {
            if !line.is_empty() {
                self.take_field(&line);
            } else if let Some(event) = self.dispatch() {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// Where the stream can be resumed: its last event id.
    pub(crate) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// How long to wait before reconnecting, if the server has set it.
    pub(crate) fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Whether the beginning of the stream, with its optional byte order mark, was read.
    fn has_begun(&mut self) -> bool {
        if self.begun {
            return true;
        }
        if self.buffer.starts_with(BYTE_ORDER_MARK) {
            self.buffer.advance(BYTE_ORDER_MARK.len());
        } else if BYTE_ORDER_MARK.starts_with(&self.buffer) {
            return false;
        }
        self.begun = true;
        true
    }

    fn next_line(&mut self) -> Result<Option<Bytes>, TooLong> {
        if !self.has_begun() {
            return Ok(None);
        }
        if self.after_return
            && let Some(&next) = self.buffer.first()
        {
            self.after_return = false;
            if next == b'\n' {
                self.buffer.advance(1);
            }
        }
        let Some(found) = memchr::memchr2(b'\n', b'\r', &self.buffer[self.searched..]) else {
            self.searched = self.buffer.len();
            let pending = self.searched + self.held;
            return if pending > self.limit { Err(TooLong) } else { Ok(None) };
        };
        let end = self.searched + found;
        self.searched = 0;
        if end + self.held > self.limit {
            return Err(TooLong);
        }
        self.after_return = self.buffer[end] == b'\r';
        let line = self.buffer.split_to(end).freeze();
        self.buffer.advance(1);
        Ok(Some(line))
    }

    fn take_field(&mut self, line: &Bytes) {
        let colon = memchr::memchr(b':', line);
        let name = &line[..colon.unwrap_or(line.len())];
        let value = colon.map_or_else(Bytes::new, |colon| line.slice(colon + 1..));
        let value = if value.first() == Some(&b' ') { value.slice(1..) } else { value };
        match name {
            b"data" => {
                // The whole line counts: even an empty one takes time and adds a byte to the event.
                self.held += line.len() + 1;
                self.data.push(value);
            }
            b"event" => self.name = value,
            // An id that is too long to send back means that the stream cannot be resumed.
            b"id" if value.len() > MAX_ID => self.last_id = Some(String::new()),
            b"id" if !value.contains(&0) => {
                self.last_id = String::from_utf8(value.into()).ok().or(self.last_id.take());
            }
            b"retry" if value.iter().all(u8::is_ascii_digit) => {
                let millis = std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok());
                self.retry = millis.map(Duration::from_millis).or(self.retry);
            }
            _ => {}
        }
    }

    fn dispatch(&mut self) -> Option<Event> {
        self.held = 0;
        let name = std::mem::take(&mut self.name);
        let data = match std::mem::replace(&mut self.data, Data::None) {
            Data::None => return None,
            Data::Line(line) => line,
            Data::Lines(lines) => lines.freeze(),
        };
        (!data.is_empty()).then_some(Event { name, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chunks: &[&[u8]]) -> (Vec<(String, String)>, EventReader) {
        let mut reader = EventReader::new(64);
        let mut events = Vec::new();
        for chunk in chunks {
            reader.push(chunk);
            while let Some(event) = reader.next_event().unwrap() {
                let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
                events.push((text(&event.name), text(&event.data)));
            }
        }
        (events, reader)
    }

    const STREAM: &[u8] = b"\xef\xbb\xbf: comment\nretry: 250\n\nid: 7\ndata: \n\nevent: message\r\nid: 8\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\ndata:x\r\revent: ping\n\ndata: last\nid\n\ndata: unfinished";

    #[test]
    fn events_do_not_depend_on_how_the_stream_is_cut() {
        let expected = [("message", "{\"a\":\n1}"), ("", "x"), ("", "last")]
            .map(|(name, data)| (name.to_owned(), data.to_owned()));
        for size in 1..STREAM.len() {
            let chunks: Vec<&[u8]> = STREAM.chunks(size).collect();
            let (events, reader) = read(&chunks);
            assert_eq!(events, expected, "in chunks of {size}");
            assert_eq!(reader.last_id(), Some(""));
            assert_eq!(reader.retry(), Some(Duration::from_millis(250)));
        }
    }

    #[test]
    fn an_event_without_data_moves_the_place_to_resume_from() {
        let (events, reader) = read(&[b"id: a\ndata: \n\n", b"id: b\n\n"]);
        assert_eq!((events.len(), reader.last_id()), (0, Some("b")));
    }

    #[test]
    fn what_is_no_number_and_no_id_is_ignored() {
        let (_, reader) = read(&[b"retry: 5s\nid: a\0b\n\n"]);
        assert_eq!((reader.retry(), reader.last_id()), (None, None));
    }

    #[test]
    fn an_event_past_the_limit_is_refused_wherever_it_is_cut() {
        let mut reader = EventReader::new(8);
        reader.push(b"data: 12345");
        assert_eq!(reader.next_event(), Err(TooLong));
        let mut reader = EventReader::new(12);
        reader.push(b"data: 1234\ndata: 5678\ndata: 9");
        assert_eq!(reader.next_event(), Err(TooLong));
    }

    #[test]
    fn empty_lines_of_data_count_until_their_event_ends() {
        for line in [&b"data\n"[..], b"data:\n", b"data: \r", b"data:\r\n"] {
            let mut reader = EventReader::new(64);
            let refused = (0..64).any(|_| {
                reader.push(line);
                reader.next_event().is_err()
            });
            assert!(refused, "{line:?}");
        }
        let mut reader = EventReader::new(64);
        for line in [&b": alive\n"[..], b"event: x\n", b"id: 7\n", b"data\n\n"].repeat(64) {
            reader.push(line);
            assert!(reader.next_event().is_ok());
        }
    }

    #[test]
    fn an_id_that_is_too_long_to_come_back_with_ends_what_can_be_resumed() {
        let mut reader = EventReader::new(4096);
        reader.push(b"id: 7\n\n");
        reader.push(format!("id: {}\n\n", "x".repeat(MAX_ID + 1)).as_bytes());
        assert_eq!(reader.next_event(), Ok(None));
        assert_eq!(reader.last_id(), Some(""));
    }
}
