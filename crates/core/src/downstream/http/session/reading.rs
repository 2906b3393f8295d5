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

use super::{Step, Stream};

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
    pub(super) fn new(stream: &Arc<Stream>, turn: u64) -> Self {
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

impl Drop for Reading {
    fn drop(&mut self) {
        self.stream.detach(self.turn);
    }
}
