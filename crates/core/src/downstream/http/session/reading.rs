//! The right to read a stream.
//!
//! A stream has one reader at a time. A reader that was cut off or replaced keeps a `Reading`
//! without effect: it reads nothing more, and dropping it does not disturb its successor.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;

use super::stream::{Step, Stream, Unresumed};
use crate::codec::event_stream::EventId;

/// See the module. Dropping it ends the reading.
pub(crate) struct Reading {
    stream: Arc<Stream>,
    turn: u64,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("turn", &self.turn).finish_non_exhaustive()
    }
}

impl Reading {
    fn new(stream: &Arc<Stream>, turn: u64) -> Self {
        Self { stream: Arc::clone(stream), turn }
    }

    /// The next step.
    pub(crate) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Step> {
        self.stream.poll_next(self.turn, context)
    }

    /// Everything queued, for a response that is sent at once; `None` if more will come.
    pub(crate) fn take_whole(&self) -> Option<Vec<Bytes>> {
        self.stream.take_whole(self.turn)
    }
}

impl Stream {
    /// Adds a reader, which gets everything that is kept and was given to no reader.
    ///
    /// An existing reader ends: it is an earlier connection of the same client, kept open by a
    /// proxy in between.
    pub(crate) fn attach(self: &Arc<Self>) -> Reading {
        Reading::new(self, self.turn())
    }

    /// The same, without what was given to no reader.
    pub(super) fn attach_anew(self: &Arc<Self>) -> Reading {
        Reading::new(self, self.fresh_turn())
    }

    /// A stream with its reader.
    pub(crate) fn attached(self) -> (Arc<Self>, Reading) {
        let stream = Arc::new(self);
        let turn = stream.first_turn();
        let reading = Reading::new(&stream, turn);
        (stream, reading)
    }

    /// Adds a reader that has everything up to `last`; an existing reader ends.
    pub(crate) fn resume(self: &Arc<Self>, last: EventId) -> Result<Reading, Unresumed> {
        Ok(Reading::new(self, self.turn_after(last)?))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.stream.detach(self.turn);
    }
}
