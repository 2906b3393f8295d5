//! The state of a stream: its queue, its reader, and the responses still to come.

use std::task::{Context, Waker};

use super::encoding::Encoding;
use crate::{
    downstream::http::backlog::Debt,
    jsonrpc::{Assembly, Pieces},
    relay::Outgoing,
};

/// If more bytes wait for a slow reader, its stream is cut. One message of any size is always
/// accepted.
pub(crate) const MAX_QUEUED_BYTES: usize = 16 * 1024 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct State {
    pub(super) encoding: Encoding,
    pub(super) queue: Pieces,
    pub(super) reader: Reader,
    /// The response has begun to be sent to this reader.
    pub(super) is_read: bool,
    /// Counts the readers, to tell the current one from earlier ones.
    pub(super) turn: u64,
    /// Bytes that may be queued: the usual limit, plus what the reader has missed.
    pub(super) limit: usize,
    /// Responses still to come.
    pub(super) owed: Owed,
    pub(super) wrote: bool,
    pub(super) decision: Decision,
    /// Whether a reader has received everything up to the end.
    pub(super) is_delivered: bool,
    /// Bytes of the newest numbered events that were given to no reader.
    pub(super) unseen: usize,
    /// The code of the error that was the answer.
    pub(super) error: Option<i64>,
    /// Its share of the backlog.
    pub(super) debt: Option<Debt>,
}

/// Who reads.
#[derive(Debug)]
pub(super) enum Reader {
    Absent,
    Present(Option<Waker>),
    /// Asked to reconnect; whether the delay was sent already.
    Dismissed {
        is_told: bool,
    },
    Cut,
}

/// Whether it is known if the only request of a stream is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Open,
    Made,
}

/// What a stream still has to send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Owed {
    Responses {
        left: usize,
        array: bool,
    },
    /// A stream that answers no call: open until its session ends.
    Unlimited,
    Ended,
}

impl State {
    /// Begins the turn of a new reader; wakes an earlier one, so that it ends.
    pub(super) fn begin_turn(&mut self) -> u64 {
        self.wake();
        self.reader = Reader::Present(None);
        self.is_read = false;
        self.turn += 1;
        self.limit = self.queue.len() + MAX_QUEUED_BYTES;
        self.turn
    }

    /// Nobody will read the queue.
    pub(super) fn drop_queue(&mut self) {
        self.unseen = self.unseen.saturating_add(self.queue.len());
        self.queue = Pieces::default();
    }

    /// Counts a response; returns `true` if it was the last one.
    pub(super) fn settle(&mut self) -> bool {
        match &mut self.owed {
            Owed::Responses { left, .. } if *left > 1 => *left -= 1,
            Owed::Responses { array, .. } => {
                if *array && self.wrote && self.encoding == Encoding::Json {
                    self.queue.push_slice(b"]");
                }
                self.owed = Owed::Ended;
            }
            Owed::Unlimited | Owed::Ended => {}
        }
        self.owed == Owed::Ended
    }

    pub(super) fn write_json(&mut self, outgoing: &Outgoing<'_>) {
        let array = matches!(self.owed, Owed::Responses { array: true, .. });
        let before: &[u8] = match (array, self.wrote) {
            (true, true) => b",",
            (true, false) => b"[",
            (false, _) => b"",
        };
        self.wrote = true;
        self.queue.push(&Assembly {
            before,
            source: outgoing.source,
            edits: outgoing.edits,
            behind: b"",
        });
    }

    /// Whether a message may be queued; cuts off a reader that is too far behind.
    pub(super) fn makes_room(&mut self, length: usize) -> bool {
        if !matches!(self.reader, Reader::Present(_)) {
            return false;
        }
        if self.queue.is_empty() || self.queue.len() + length <= self.limit {
            return true;
        }
        tracing::warn!(queued = self.queue.len(), "closing a stream whose client reads too slowly");
        self.cut();
        false
    }

    /// Drops the queue and the reader.
    pub(super) fn cut(&mut self) {
        self.drop_queue();
        self.wake();
        self.reader = Reader::Cut;
    }

    pub(super) fn wake(&mut self) {
        if let Reader::Present(waker) = &mut self.reader
            && let Some(waker) = waker.take()
        {
            waker.wake();
        }
    }

    pub(super) fn wait(&mut self, context: &Context<'_>) {
        if let Reader::Present(waker) = &mut self.reader
            && !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker()))
        {
            *waker = Some(context.waker().clone());
        }
    }
}
