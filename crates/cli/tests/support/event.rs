//! Server-sent events, read strictly: LF line ends, one space after the colon.

use std::time::Instant;

use super::{DEADLINE, http::Incoming};

/// One block of an event stream: an event or comments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) data: Option<String>,
    pub(crate) retry: Option<String>,
    pub(crate) comment: Option<String>,
}

impl Event {
    /// The JSON-RPC message in it; priming events and comments have none.
    pub(crate) fn message(self) -> Option<String> {
        let data = self.data.filter(|data| !data.is_empty())?;
        assert_eq!(self.name.as_deref(), Some("message"), "data has its event name: {data}");
        Some(data)
    }

    fn parse(block: &str) -> Self {
        let mut event = Self::default();
        for line in block.split('\n') {
            assert!(!line.contains('\r'), "a bare carriage return ends a line: {line:?}");
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            let slot = match field {
                "event" => &mut event.name,
                "id" => &mut event.id,
                "data" => &mut event.data,
                "retry" => &mut event.retry,
                "" => &mut event.comment,
                _ => panic!("no such field: {line:?}"),
            };
            match slot {
                Some(text) if field == "data" => {
                    text.push('\n');
                    text.push_str(value);
                }
                Some(_) => panic!("{field} twice in {block:?}"),
                None => *slot = Some(value.to_owned()),
            }
        }
        event
    }
}

/// All events of a complete stream.
pub(crate) fn parse(body: &[u8]) -> Vec<Event> {
    let text = std::str::from_utf8(body).expect("an event stream is UTF-8");
    assert!(text.is_empty() || text.ends_with("\n\n"), "the last event is complete: {text:?}");
    text.split("\n\n").filter(|block| !block.is_empty()).map(Event::parse).collect()
}

/// An event stream that is read as it arrives.
pub(crate) struct EventStream {
    answer: Incoming,
    buffer: Vec<u8>,
    searched: usize,
}

impl EventStream {
    pub(crate) fn new(answer: Incoming) -> Self {
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("text/event-stream; charset=utf-8"), "an event stream");
        Self { answer, buffer: Vec::new(), searched: 0 }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.answer.header(name)
    }

    /// The next block; `None` when the stream has ended.
    pub(crate) fn event(&mut self) -> Option<Event> {
        loop {
            let fresh = &self.buffer[self.searched..];
            if let Some(end) = fresh.windows(2).position(|pair| pair == b"\n\n") {
                let end = self.searched + end;
                let block: Vec<u8> = self.buffer.drain(..end + 2).take(end).collect();
                self.searched = 0;
                return Some(Event::parse(&String::from_utf8(block).expect("events are UTF-8")));
            }
            self.searched = self.buffer.len().saturating_sub(1);
            if !self.answer.more(&mut self.buffer) {
                assert!(self.buffer.is_empty(), "the stream ends inside an event");
                return None;
            }
        }
    }

    /// The next message, past priming events and comments; `None` when the stream has ended.
    pub(crate) fn message(&mut self) -> Option<String> {
        let start = Instant::now();
        loop {
            if let Some(message) = self.event()?.message() {
                return Some(message);
            }
            assert!(start.elapsed() < DEADLINE, "nothing but comments");
        }
    }

    /// The next message, which must come.
    pub(crate) fn expect(&mut self) -> String {
        self.message().expect("another message")
    }

    /// The messages up to and including the first that contains `text`.
    pub(crate) fn until(&mut self, text: &str) -> Vec<String> {
        let mut messages = Vec::new();
        loop {
            let message = self.expect();
            let last = message.contains(text);
            messages.push(message);
            if last {
                return messages;
            }
        }
    }
}
