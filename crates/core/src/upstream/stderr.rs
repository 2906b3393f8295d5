//! A child's standard error: passed through, its last lines remembered for error messages.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::ChildStderr,
};

/// Lines remembered.
const MAX_LINES: usize = 20;
/// Longest remembered line; the rest of a longer one is left out.
const MAX_LINE_LENGTH: usize = 1000;

/// The last lines a child wrote.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    complete: VecDeque<String>,
    current: Vec<u8>,
}

impl Tail {
    /// The remembered lines, oldest first.
    pub(super) fn lines(&self) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unfinished = (!lines.current.is_empty()).then(|| text(&lines.current));
        lines.complete.iter().cloned().chain(unfinished).collect()
    }

    fn remember(&self, bytes: &[u8]) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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

/// Passes everything on to the proxy's own standard error until the pipe ends.
pub(super) async fn pass_through(mut stderr: ChildStderr, tail: Tail) {
    let mut own = tokio::io::stderr();
    let mut buffer = vec![0; 8 * 1024];
    while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
        tail.remember(&buffer[..count]);
        // A proxy without a standard error still has to keep the child's pipe empty.
        drop(own.write_all(&buffer[..count]).await);
        drop(own.flush().await);
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
