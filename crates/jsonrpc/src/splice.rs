//! Replaces ranges of a message, and queues the result without copying large payloads.

use std::{collections::VecDeque, mem};

use bytes::{Bytes, BytesMut};

use super::json::Span;

/// Runs shorter than this are copied together with their neighbours; longer ones keep their buffer.
const COPY_BELOW: usize = 8 * 1024;

/// One replacement. Edits of a message are given in ascending order and do not overlap.
#[derive(Clone, Copy, Debug)]
pub struct Edit<'a> {
    /// What is replaced.
    pub span: Span,
    /// What takes its place.
    pub with: &'a [u8],
}

impl Edit<'_> {
    /// The sort key of edits: an insertion comes before a removal at the same place.
    pub fn place(&self) -> (u32, u32) {
        (self.span.start, self.span.end)
    }
}

/// A text with these edits, in one buffer.
pub fn spliced(source: &Bytes, edits: &[Edit<'_>]) -> Bytes {
    match (Assembly { before: b"", source, edits, behind: b"" }).frame() {
        Frame::Whole(bytes) => bytes,
        Frame::Runs(runs) => runs.concat().into(),
    }
}

/// A message to be sent: the text before it, its edits, and the text after it.
#[derive(Clone, Copy, Debug)]
pub struct Assembly<'a> {
    /// Text before the message.
    pub before: &'a [u8],
    /// The message as it was read.
    pub source: &'a Bytes,
    /// Its edits, in ascending order.
    pub edits: &'a [Edit<'a>],
    /// Text after the message.
    pub behind: &'a [u8],
}

impl Assembly<'_> {
    /// Length of the result in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a message is never empty")]
    pub fn len(&self) -> usize {
        let removed: usize = self.edits.iter().map(|edit| edit.span.range().len()).sum();
        let added: usize = self.edits.iter().map(|edit| edit.with.len()).sum();
        self.before.len() + self.source.len() - removed + added + self.behind.len()
    }

    /// The bytes as one frame that can be kept and sent several times.
    pub fn frame(&self) -> Frame {
        if self.source.len() < COPY_BELOW {
            let mut whole = Vec::with_capacity(self.len());
            self.write(&mut |run: Run<'_>| match run {
                Run::Borrowed(bytes) => whole.extend_from_slice(bytes),
                Run::Shared(bytes) => whole.extend_from_slice(&bytes),
            });
            return Frame::Whole(whole.into());
        }
        let mut pieces = Pieces::default();
        pieces.push(self);
        Frame::Runs(pieces.drain().into())
    }

    fn write(&self, sink: &mut dyn FnMut(Run<'_>)) {
        let mut from = 0;
        sink(Run::Borrowed(self.before));
        for edit in self.edits {
            let range = edit.span.range();
            sink(self.run(from, range.start));
            sink(Run::Borrowed(edit.with));
            from = range.end;
        }
        sink(self.run(from, self.source.len()));
        sink(Run::Borrowed(self.behind));
    }

    fn run(&self, from: usize, to: usize) -> Run<'_> {
        if to - from < COPY_BELOW {
            Run::Borrowed(&self.source[from..to])
        } else {
            Run::Shared(self.source.slice(from..to))
        }
    }
}

enum Run<'a> {
    Borrowed(&'a [u8]),
    Shared(Bytes),
}

/// Bytes of one message, ready to be written; cheap to clone.
#[derive(Clone, Debug)]
pub enum Frame {
    /// One buffer of its own.
    Whole(Bytes),
    /// Several, one of which is the large buffer from which the message was read.
    Runs(std::sync::Arc<[Bytes]>),
}

impl Frame {
    /// Its buffers, in order.
    pub fn runs(&self) -> &[Bytes] {
        match self {
            Self::Whole(bytes) => std::slice::from_ref(bytes),
            Self::Runs(runs) => runs,
        }
    }

    /// Length in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a message is never empty")]
    pub fn len(&self) -> usize {
        self.runs().iter().map(Bytes::len).sum()
    }
}

/// A queue of bytes: small runs are collected, large ones pass without a copy.
#[derive(Debug, Default)]
pub struct Pieces {
    sealed: VecDeque<Bytes>,
    tail: BytesMut,
    length: usize,
    /// Whether it was emptied before.
    is_reused: bool,
}

impl Pieces {
    /// Bytes queued.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether nothing is queued.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Queues a message.
    pub fn push(&mut self, assembly: &Assembly<'_>) {
        let length = assembly.len();
        self.length += length;
        // Most queues carry one message. The buffer of others grows once and is reused.
        if !self.is_reused && assembly.source.len() < COPY_BELOW {
            self.tail.reserve(length);
        }
        assembly.write(&mut |run| match run {
            Run::Borrowed(bytes) => self.tail.extend_from_slice(bytes),
            Run::Shared(bytes) => self.append(bytes),
        });
    }

    /// Queues a message that others may share.
    pub fn push_frame(&mut self, frame: &Frame) {
        self.length += frame.len();
        for bytes in frame.runs() {
            if bytes.len() < COPY_BELOW && !self.is_fresh() {
                self.tail.extend_from_slice(bytes);
            } else {
                self.append(bytes.clone());
            }
        }
    }

    /// Queues a copy of these bytes.
    pub fn push_slice(&mut self, bytes: &[u8]) {
        self.length += bytes.len();
        self.tail.extend_from_slice(bytes);
    }

    fn is_fresh(&self) -> bool {
        self.tail.is_empty() && self.sealed.is_empty()
    }

    fn append(&mut self, bytes: Bytes) {
        if !self.tail.is_empty() {
            self.sealed.push_back(self.tail.split().freeze());
        }
        self.sealed.push_back(bytes);
    }

    /// The next run of bytes.
    pub fn pop(&mut self) -> Option<Bytes> {
        let next = match self.sealed.pop_front() {
            Some(bytes) => bytes,
            None if self.tail.is_empty() => return None,
            // No room is left, so nothing needs to be shared.
            None if self.tail.len() == self.tail.capacity() => mem::take(&mut self.tail).freeze(),
            None => self.tail.split().freeze(),
        };
        self.length -= next.len();
        self.is_reused = true;
        Some(next)
    }

    /// All of it.
    pub fn drain(&mut self) -> Vec<Bytes> {
        std::iter::from_fn(|| self.pop()).collect()
    }
}

/// Text as a JSON string literal, quotes included.
pub fn escape(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
