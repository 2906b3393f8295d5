//! The entries that are written about a session.

use std::io::Write as _;

use bytes::Bytes;
use redis::RedisWrite;
use uuid::Uuid;

use super::super::directory::Epoch;
use crate::{codec::event_stream::EventId, jsonrpc::Frame};

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
    pub(super) fn write(&self, command: &mut impl RedisWrite) {
        match self {
            Self::Event { id, .. } => {
                command.write_arg_fmt(format_args!("{}_{}", id.stream, id.number));
            }
            Self::Calls { stream, .. } => command.write_arg_fmt(format_args!("c{stream}")),
            Self::Answered { stream } => command.write_arg_fmt(format_args!("d{stream}")),
            Self::Delivered { stream } => command.write_arg_fmt(format_args!("f{stream}")),
        }
        // A command is written to memory, which does not fail.
        let mut bytes = command.writer_for_next_arg();
        drop(match self {
            Self::Event { frame, .. } => {
                frame.runs().iter().try_for_each(|run| bytes.write_all(run))
            }
            Self::Calls { ids, .. } => ids.iter().enumerate().try_for_each(|(at, id)| {
                bytes.write_all(if at == 0 { b"" } else { b"\n" })?;
                bytes.write_all(id)
            }),
            Self::Answered { .. } | Self::Delivered { .. } => Ok(()),
        });
    }

    /// The stored form of calls.
    pub(super) fn calls(stream: u64, ids: Vec<u8>) -> Self {
        let ids = Bytes::from(ids);
        let ids = ids.split(|byte| *byte == b'\n').map(|id| ids.slice_ref(id)).collect();
        Self::Calls { stream, ids }
    }

    /// The stored form of an event: its kind, `@` and the time of writing, then its bytes on lines
    /// of their own.
    pub(super) fn read(element: Vec<u8>) -> Option<Self> {
        let element = Bytes::from(element);
        let end = element.iter().position(|byte| *byte == b'\n')?;
        let (kind, _) = std::str::from_utf8(element.get(..end)?).ok()?.split_once('@')?;
        Some(Self::Event {
            id: EventId::parse(kind)?,
            frame: Frame::Whole(element.slice(end + 1..)),
        })
    }
}

/// An entry that waits to be written.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(super) id: Uuid,
    pub(super) epoch: Epoch,
    /// Sealed, if it has changed.
    pub(super) founding: Option<Bytes>,
    pub(super) logged: Option<Logged>,
    /// The session has ended.
    pub(super) ended: bool,
}

impl Entry {
    pub(super) fn founded(id: Uuid, epoch: Epoch, founding: Bytes) -> Self {
        Self { id, epoch, founding: Some(founding), logged: None, ended: false }
    }

    pub(super) fn len(&self) -> usize {
        let founding = self.founding.as_ref().map_or(0, Bytes::len);
        size_of::<Self>() + founding + self.logged.as_ref().map_or(0, Logged::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(logged: &Logged) -> (String, Vec<u8>) {
        let mut written = Vec::<Vec<u8>>::new();
        logged.write(&mut written);
        let [kind, bytes] = <[_; 2]>::try_from(written).unwrap();
        (String::from_utf8(kind).unwrap(), bytes)
    }

    #[test]
    fn what_was_written_is_read() {
        let event = Logged::Event {
            id: EventId { stream: 3, number: 9 },
            frame: Frame::Whole("id: 3_9\ndata: {}\n\n".into()),
        };
        let (kind, bytes) = written(&event);
        let element = [kind.as_bytes(), b"@1790000000\n", &bytes].concat();
        assert!(matches!(
            Logged::read(element),
            Some(Logged::Event { id: EventId { stream: 3, number: 9 }, frame }) if frame.len() == 18
        ));
        let calls = Logged::Calls { stream: 4, ids: vec!["1".into(), "\"a b\"".into()] };
        let (kind, bytes) = written(&calls);
        assert_eq!(kind, "c4");
        let Logged::Calls { stream: 4, ids } = Logged::calls(4, bytes) else {
            panic!("no calls");
        };
        assert_eq!(ids, ["1", "\"a b\""]);
        assert!(Logged::read(b"x@1\n".to_vec()).is_none());
        assert!(Logged::read(b"3_9".to_vec()).is_none());
    }
}
