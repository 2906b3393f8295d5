//! The entries that are written about a session.

use std::{fmt, io::Write as _, sync::Arc};

use bytes::Bytes;
use redis::RedisWrite;
use uuid::Uuid;

use super::super::directory::Epoch;
use crate::{codec::event_stream::EventId, jsonrpc::Frame};

/// Longest kind of an event.
const MAX_KIND: usize = 64;
/// Longest event that is stored together with others.
const MAX_SHORT: usize = 1024;

/// Something that happened in a session.
#[derive(Clone, Debug)]
pub(crate) enum Logged {
    /// An event of one of its streams, as it is sent.
    Event { id: EventId, frame: Frame },
    /// Calls that are answered on the stream of this number: their raw ids.
    Calls { stream: u64, ids: Vec<Bytes> },
    /// All of those calls are answered.
    Answered { stream: u64 },
    /// The client has everything that was sent on the stream of this number.
    Delivered { stream: u64 },
}

impl Logged {
    /// How many bytes it takes while it waits in the queue.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Event { frame, .. } => frame.len(),
            Self::Calls { ids, .. } => ids.iter().map(Bytes::len).sum(),
            Self::Answered { .. } | Self::Delivered { .. } => 0,
        }
    }

    /// Adds the stored form to a command: its kind, and its bytes.
    fn write(&self, command: &mut impl RedisWrite) {
        match self {
            Self::Event { id, frame } => return write_events(*id, &[frame], command),
            Self::Calls { stream, .. } => command.write_arg_fmt(format_args!("c{stream}")),
            Self::Answered { stream } => command.write_arg_fmt(format_args!("d{stream}")),
            Self::Delivered { stream } => command.write_arg_fmt(format_args!("f{stream}")),
        }
        match self {
            Self::Calls { ids, .. } => command.write_arg(&ids.join(&b'\n')),
            _ => command.write_arg(b""),
        }
    }

    /// The stored form of calls.
    pub(super) fn calls(stream: u64, ids: Vec<u8>) -> Self {
        let ids = Bytes::from(ids);
        let ids = ids.split(|byte| *byte == b'\n').map(|id| ids.slice_ref(id)).collect();
        Self::Calls { stream, ids }
    }

    /// Stored events: their kind, `@` and the time of writing; and their bytes. What cannot be read
    /// is left out.
    pub(super) fn read(head: &[u8], bytes: &Bytes) -> Vec<Self> {
        read_events(head, bytes).unwrap_or_default()
    }
}

/// Adds events of one stream with consecutive ids to a command. Their kind is the first id, `*`, and
/// how many bytes they have; if there are several, `:` and the length of each follow.
fn write_events(id: EventId, frames: &[&Frame], command: &mut impl RedisWrite) {
    let all: usize = frames.iter().map(|frame| frame.len()).sum();
    let mut kind = Vec::with_capacity(MAX_KIND + frames.len() * 5);
    let mut digits = itoa::Buffer::new();
    let mut number = |kind: &mut Vec<u8>, before: &[u8], number: u64| {
        kind.extend_from_slice(before);
        kind.extend_from_slice(digits.format(number).as_bytes());
    };
    number(&mut kind, b"", id.stream);
    number(&mut kind, b"_", id.number);
    number(&mut kind, b"*", all as u64);
    if frames.len() > 1 {
        for (at, frame) in frames.iter().enumerate() {
            number(&mut kind, if at == 0 { b":" } else { b"," }, frame.len() as u64);
        }
    }
    command.write_arg(&kind);
    let mut bytes = command.writer_for_next_arg();
    let mut runs = frames.iter().flat_map(|frame| frame.runs());
    // A command is written to memory, which does not fail.
    drop(runs.try_for_each(|run| bytes.write_all(run)));
}

fn read_events(head: &[u8], bytes: &Bytes) -> Option<Vec<Logged>> {
    let (kind, _) = std::str::from_utf8(head).ok()?.split_once('@')?;
    let (first, lengths) = kind.split_once('*')?;
    let lengths = lengths.split_once(':').map_or(lengths, |(_, lengths)| lengths);
    let lengths: Result<Vec<usize>, _> = lengths.split(',').map(str::parse).collect();
    let (EventId { stream, number }, lengths) = (EventId::parse(first)?, lengths.ok()?);
    let mut bytes = bytes.clone();
    if lengths.iter().try_fold(0_usize, |sum, length| sum.checked_add(*length))? != bytes.len() {
        return None;
    }
    let events = (number..).zip(lengths).map(|(number, length)| {
        let frame = Frame::Whole(bytes.split_to(length));
        Logged::Event { id: EventId { stream, number }, frame }
    });
    Some(events.collect())
}

/// The events of a session. They stay where they are until they are written: whoever sends them
/// says only that there are some.
pub(crate) trait Unwritten: fmt::Debug + Send + Sync {
    /// The oldest events that are not written yet, in order, and whether there are more; from now
    /// on it tells of new ones again.
    fn read(&self, most: usize) -> (Vec<(EventId, Frame)>, bool);

    /// Everything up to the event with this number is written.
    fn written(&self, last: u64);
}

/// The calls of a session that are under way. Like its events they are read when they are written.
pub(crate) trait Underway: fmt::Debug + Send + Sync {
    /// What the store does not know yet; from now on it is told again that there are changes.
    fn read(&self) -> Vec<Logged>;

    /// What was read last is written.
    fn written(&self);
}

/// An entry that waits to be written.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(super) id: Uuid,
    pub(super) epoch: Epoch,
    /// Sealed, if it has changed.
    pub(super) founding: Option<Bytes>,
    pub(super) logged: Option<Logged>,
    /// Where its events are, if there are new ones.
    pub(super) events: Option<Arc<dyn Unwritten>>,
    /// Where its calls are, if some have begun or ended.
    pub(super) calls: Option<Arc<dyn Underway>>,
    /// The session has ended.
    pub(super) ended: bool,
}

impl Entry {
    /// An entry that says only who has the session.
    pub(super) fn of(id: Uuid, epoch: Epoch) -> Self {
        Self { id, epoch, founding: None, logged: None, events: None, calls: None, ended: false }
    }

    pub(super) fn founded(id: Uuid, epoch: Epoch, founding: Bytes) -> Self {
        Self { founding: Some(founding), ..Self::of(id, epoch) }
    }

    pub(super) fn logged(id: Uuid, epoch: Epoch, logged: Logged) -> Self {
        Self { logged: Some(logged), ..Self::of(id, epoch) }
    }

    /// Whether it only says where something is.
    pub(super) fn is_mark(&self) -> bool {
        self.founding.is_none() && self.logged.is_none() && !self.ended
    }

    fn event(&self) -> Option<(EventId, &Frame)> {
        if let Some(Logged::Event { id, frame }) = &self.logged { Some((*id, frame)) } else { None }
    }

    /// Whether the next entry is stored together with this one: both are short events of a stream,
    /// and nothing comes between them.
    pub(super) fn continues(&self, next: &Self) -> bool {
        let (Some((id, frame)), Some((next_id, next))) = (self.event(), next.event()) else {
            return false;
        };
        let follows =
            id.stream == next_id.stream && id.number.checked_add(1) == Some(next_id.number);
        follows && frame.len().max(next.len()) <= MAX_SHORT
    }

    /// Adds what happened to a command; several entries continue each other.
    pub(super) fn write(entries: &[Self], command: &mut impl RedisWrite) {
        let events: Vec<_> = entries.iter().filter_map(Self::event).collect();
        if let [(first, _), _, ..] = events.as_slice() {
            let frames: Vec<_> = events.iter().map(|(_, frame)| *frame).collect();
            return write_events(*first, &frames, command);
        }
        for logged in entries.iter().filter_map(|entry| entry.logged.as_ref()) {
            logged.write(command);
        }
    }

    pub(super) fn len(&self) -> usize {
        let founding = self.founding.as_ref().map_or(0, Bytes::len);
        size_of::<Self>() + founding + self.logged.as_ref().map_or(0, Logged::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(stream: u64, number: u64, bytes: &[u8]) -> Logged {
        let frame = Frame::Whole(Bytes::copy_from_slice(bytes));
        Logged::Event { id: EventId { stream, number }, frame }
    }

    fn written(logged: Vec<Logged>) -> Vec<(String, Vec<u8>)> {
        let entry = |logged| Entry::logged(Uuid::nil(), 1, logged);
        let entries: Vec<Entry> = logged.into_iter().map(entry).collect();
        let mut written = Vec::<Vec<u8>>::new();
        for run in entries.chunk_by(Entry::continues) {
            Entry::write(run, &mut written);
        }
        let texts = written.chunks_exact(2);
        texts.map(|it| (String::from_utf8(it[0].clone()).unwrap(), it[1].clone())).collect()
    }

    fn read((kind, bytes): &(String, Vec<u8>)) -> Vec<(u64, u64, Vec<u8>)> {
        let head = format!("{kind}@1790000000");
        let logged = Logged::read(head.as_bytes(), &Bytes::copy_from_slice(bytes));
        let events = logged.into_iter().map(|logged| {
            let Logged::Event { id, frame } = logged else { panic!("no event") };
            (id.stream, id.number, frame.runs().concat())
        });
        events.collect()
    }

    #[test]
    fn what_was_written_is_read() {
        let text = b"id: 3_9\ndata: {}\n\n";
        let event = written(vec![event(3, 9, text)]);
        assert_eq!(event[0].0, "3_9*18");
        assert_eq!(read(&event[0]), [(3, 9, text.to_vec())]);
        let calls = Logged::Calls { stream: 4, ids: vec!["1".into(), "\"a b\"".into()] };
        let (kind, bytes) = written(vec![calls]).remove(0);
        assert_eq!(kind, "c4");
        let Logged::Calls { stream: 4, ids } = Logged::calls(4, bytes) else {
            panic!("no calls");
        };
        assert_eq!(ids, ["1", "\"a b\""]);
        assert_eq!(written(vec![Logged::Answered { stream: 4 }]), [("d4".to_owned(), Vec::new())]);
    }

    #[test]
    fn short_events_of_a_stream_are_stored_together() {
        let long = [b'x'; MAX_SHORT + 1];
        let answered = Logged::Answered { stream: 9 };
        let written = written(vec![
            event(1, 0, b"a,b@c\n"),
            event(1, 1, b""),
            event(1, 2, b"d"),
            event(2, 3, b"e"),
            event(2, 5, b"f"),
            event(2, 6, &long),
            answered,
            event(2, 7, b"g"),
            event(2, 8, b"h"),
        ]);
        let kinds: Vec<&str> = written.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(kinds, ["1_0*7:6,0,1", "2_3*1", "2_5*1", "2_6*1025", "d9", "2_7*2:1,1"]);
        let texts: Vec<_> = [0, 1, 2, 5].iter().flat_map(|at| read(&written[*at])).collect();
        let expected: [(u64, u64, &[u8]); 7] = [
            (1, 0, b"a,b@c\n"),
            (1, 1, b""),
            (1, 2, b"d"),
            (2, 3, b"e"),
            (2, 5, b"f"),
            (2, 7, b"g"),
            (2, 8, b"h"),
        ];
        assert_eq!(texts, expected.map(|(stream, number, text)| (stream, number, text.to_vec())));
    }

    #[test]
    fn what_is_not_an_event_is_left_out() {
        let wrong = [
            "x*1@1",
            "3_9*1",
            "3_9@1",
            "3_9*2@1",
            "3_9*2:1,1@1",
            "3_9*1:18446744073709551615,2@1",
            "3_9*1:@1",
            "3_9*1:-1@1",
        ];
        for head in wrong {
            assert!(Logged::read(head.as_bytes(), &Bytes::from_static(b"a")).is_empty(), "{head}");
        }
        assert_eq!(Logged::read(b"3_9*1@1", &Bytes::from_static(b"a")).len(), 1);
    }
}
