//! A child's standard error: passed through or turned into events; its last lines are remembered
//! for error messages.

use std::{
    borrow::Cow,
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::ChildStderr,
};

/// Lines that are remembered.
const MAX_LINES: usize = 20;
/// Longest remembered line; longer ones are cut.
const MAX_LINE_LENGTH: usize = 1000;
/// Longest line in one event; a longer one becomes several events.
const MAX_EVENT_LENGTH: usize = 64 * 1024;

use crate::{
    config::ChildStderr as Fate,
    watch::{Frame, Payload, Point, TAP},
};

/// The last lines a child wrote.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail {
    lines: Arc<Mutex<Lines>>,
    /// The server's number.
    server: u32,
}

#[derive(Debug, Default)]
struct Lines {
    complete: VecDeque<String>,
    current: Vec<u8>,
}

impl Tail {
    /// Empty, for the server with this number.
    pub(super) fn of_server(server: u32) -> Self {
        Self { server, ..Self::default() }
    }

    /// The remembered lines, oldest first.
    pub(super) fn lines(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let unfinished = (!lines.current.is_empty()).then(|| text(&lines.current));
        lines.complete.iter().cloned().chain(unfinished).collect()
    }

    fn remember(&self, bytes: &[u8]) {
        TAP.show(|| {
            Frame::new(Point::Stderr, Payload::copied(bytes.trim_ascii_end()))
                .of_server(self.server)
        });
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut parts = bytes.split(|byte| *byte == b'\n');
        lines.extend(parts.next().unwrap_or_default());
        for part in parts {
            lines.finish();
            lines.extend(part);
        }
    }
}

impl Lines {
    fn extend(&mut self, part: &[u8]) {
        let room = MAX_LINE_LENGTH - self.current.len();
        self.current.extend_from_slice(&part[..part.len().min(room)]);
    }

    fn finish(&mut self) {
        let line = text(&std::mem::take(&mut self.current));
        if line.is_empty() {
            return;
        }
        if self.complete.len() == MAX_LINES {
            self.complete.pop_front();
        }
        self.complete.push_back(line);
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim_end().to_owned()
}

/// Reads until the pipe ends. Lines of a server with a name carry that name.
pub(super) async fn pass_through(
    mut stderr: ChildStderr,
    tail: Tail,
    fate: Fate,
    name: Option<String>,
) {
    let mut buffer = vec![0; 8 * 1024];
    let mut own = tokio::io::stderr();
    let mut events = Events { line: Vec::new() };
    let mut named = name.map(|name| Named { front: format!("[{name}] "), at_start: true });
    while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
        tail.remember(&buffer[..count]);
        if fate == Fate::Events {
            events.take(&buffer[..count]);
            continue;
        }
        // Even without a standard error, the proxy must empty the child's pipe.
        let text = match &mut named {
            Some(named) => named.lines(&buffer[..count]).into(),
            None => Cow::Borrowed(&buffer[..count]),
        };
        drop(own.write_all(&text).await);
        drop(own.flush().await);
    }
    events.end();
}

/// Adds a name before each line.
#[derive(Debug)]
struct Named {
    front: String,
    at_start: bool,
}

impl Named {
    fn lines(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::with_capacity(bytes.len() + self.front.len());
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.at_start {
                text.extend_from_slice(self.front.as_bytes());
            }
            text.extend_from_slice(piece);
            self.at_start = piece.ends_with(b"\n");
        }
        text
    }
}

/// Turns each line into an event.
#[derive(Debug)]
struct Events {
    line: Vec<u8>,
}

impl Events {
    fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.line.len() >= MAX_EVENT_LENGTH {
                self.end();
            }
        }
    }

    fn end(&mut self) {
        let line = text(&std::mem::take(&mut self.line));
        if !line.is_empty() {
            tracing::info!(target: "mcp_proxy::server", "{line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_across_chunks() {
        let tail = Tail::default();
        tail.remember(b"one\ntw");
        tail.remember(b"o\n\nthree");
        assert_eq!(tail.lines(), ["one", "two", "three"]);
    }

    #[test]
    fn every_line_of_a_server_with_a_name_bears_it() {
        let mut named = Named { front: "[files] ".to_owned(), at_start: true };
        let pieces = ["one\ntw", "o\n", "\nthree"].map(|piece| named.lines(piece.as_bytes()));
        assert_eq!(pieces.concat(), b"[files] one\n[files] two\n[files] \n[files] three");
    }

    #[test]
    fn count_and_length_are_bounded() {
        let tail = Tail::default();
        for number in 0..100 {
            tail.remember(format!("{number}\n").as_bytes());
        }
        tail.remember(&[b'x'; 5000]);
        let lines = tail.lines();
        assert_eq!(lines.len(), MAX_LINES + 1);
        assert_eq!(lines[0], "80");
        assert_eq!(lines[MAX_LINES].len(), MAX_LINE_LENGTH);
    }
}
