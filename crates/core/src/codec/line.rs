//! Newline framing of stdio, and how messages are told from a server's other output.

use bytes::{Buf, Bytes, BytesMut};

/// Room offered to each read.
const READ_SIZE: usize = 64 * 1024;
/// Above this size, a buffer that grew for a long line is freed.
const KEEP_BELOW: usize = 512 * 1024;

/// A line exceeded the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Collects reads and hands out complete lines without copying them.
#[derive(Debug)]
pub(crate) struct LineBuffer {
    buffer: BytesMut,
    searched: usize,
    limit: usize,
    /// Length of the last line that needed several reads: the next long one is often similar.
    long: usize,
}

impl LineBuffer {
    /// Lines of more than `limit` bytes are refused.
    pub(crate) fn new(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), searched: 0, limit, long: 0 }
    }

    /// Where the next read goes.
    pub(crate) fn room(&mut self) -> &mut BytesMut {
        if self.buffer.is_empty() && self.buffer.capacity() > KEEP_BELOW {
            self.buffer = BytesMut::new();
        }
        if self.buffer.capacity() - self.buffer.len() < READ_SIZE / 4 {
            let long = if self.buffer.len() < READ_SIZE { READ_SIZE } else { self.long };
            self.buffer.reserve(long.saturating_sub(self.buffer.len()).max(READ_SIZE));
        }
        &mut self.buffer
    }

    /// The next complete line, without its newline.
    pub(crate) fn next_line(&mut self) -> Result<Option<Bytes>, TooLong> {
        let Some(found) = memchr::memchr(b'\n', &self.buffer[self.searched..]) else {
            self.searched = self.buffer.len();
            return if self.searched > self.limit { Err(TooLong) } else { Ok(None) };
        };
        let end = self.searched + found;
        self.searched = 0;
        if end > READ_SIZE {
            self.long = (end + READ_SIZE).min(self.limit);
        }
        let mut line = self.buffer.split_to(end + 1).freeze();
        line.truncate(end);
        if end > self.limit { Err(TooLong) } else { Ok(Some(line)) }
    }

    /// The rest after the pipe has ended.
    pub(crate) fn rest(&mut self) -> Bytes {
        self.searched = 0;
        self.buffer.split().freeze()
    }
}

/// What a line of a server's stdout contains.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Starts like a message; surrounding white space is removed.
    Candidate(Bytes),
    /// May contain a message among other text; surrounding white space is removed.
    Mixed(Bytes),
    /// Contains no message.
    Noise(Bytes),
    Blank,
}

/// Tells messages from other output that servers write to stdout by mistake.
pub(crate) fn classify(mut text: Bytes) -> Line {
    text.truncate(text.trim_ascii_end().len());
    text.advance(text.len() - text.trim_ascii_start().len());
    match text.first() {
        None => Line::Blank,
        Some(b'{') => Line::Candidate(text),
        Some(b'[') if text.ends_with(b"]") && text[1..].trim_ascii_start().starts_with(b"{") => {
            Line::Candidate(text)
        }
        Some(_) if memchr::memchr(b'{', &text).is_some() || text.ends_with(b"}") => {
            Line::Mixed(text)
        }
        Some(_) => Line::Noise(text),
    }
}
