//! Messages on their way to the client on standard input and output.

use std::{
    fmt,
    io::IoSlice,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::future::BoxFuture;
use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    sync::Notify,
};

use crate::{
    jsonrpc::{Assembly, Pieces},
    relay::{Outgoing, Reader, Sink},
    watch::{Frame, Payload, Point, TAP},
};

/// If more bytes are queued, the client is disconnected, as it does not read. One message of any
/// size is always accepted.
const MAX_QUEUED_BYTES: usize = 64 * 1024 * 1024;

/// See the module. One message is one line.
pub(super) struct Output {
    state: Mutex<State>,
    filled: Notify,
    drained: Notify,
    answered: Notify,
}

#[derive(Default)]
struct State {
    queue: Pieces,
    /// Responses still to come.
    owed: usize,
    end: Option<End>,
}

impl State {
    /// Whether more can be queued; a client that is too far behind is disconnected.
    fn has_room(&mut self, drained: &Notify) -> bool {
        if self.end.is_none() && self.queue.len() > MAX_QUEUED_BYTES {
            self.end = Some(End::Unread);
            drained.notify_waiters();
        }
        self.end.is_none()
    }
}

/// Why nothing more is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Everything was written.
    Said,
    /// The client does not read.
    Unread,
    /// The client has closed its end.
    Closed,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").finish_non_exhaustive()
    }
}

impl Output {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            filled: Notify::new(),
            drained: Notify::new(),
            answered: Notify::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Expects one more response.
    pub(super) fn owe(&self) {
        self.lock().owed += 1;
    }

    /// Waits until all expected responses were queued.
    pub(super) async fn answered(&self) {
        loop {
            let answered = self.answered.notified();
            tokio::pin!(answered);
            answered.as_mut().enable();
            if self.lock().owed == 0 {
                return;
            }
            answered.await;
        }
    }

    /// Accepts nothing more; what is queued is still written.
    pub(super) fn finish(&self) {
        self.lock().end.get_or_insert(End::Said);
        self.filled.notify_one();
        self.drained.notify_waiters();
    }

    /// Writes everything that is queued, until it is closed.
    pub(super) async fn write_to(&self, mut output: impl AsyncWrite + Unpin) -> End {
        loop {
            let (batch, end) = self.take();
            if !batch.is_empty() {
                if let Err(error) = write_batch(&mut output, &batch).await {
                    tracing::debug!(%error, "the client does not read any more");
                    self.finish();
                    return End::Closed;
                }
                continue;
            }
            if let Some(end) = end {
                return end;
            }
            self.filled.notified().await;
        }
    }

    fn take(&self) -> (Vec<bytes::Bytes>, Option<End>) {
        let mut state = self.lock();
        let end = state.end;
        if end == Some(End::Unread) {
            return (Vec::new(), end);
        }
        let batch = state.queue.drain();
        drop(state);
        if !batch.is_empty() {
            self.drained.notify_waiters();
        }
        (batch, end)
    }

    /// Queues a line with all the answers of one array, which counts as one response.
    pub(super) fn write_answers(&self, answers: &mut Pieces) {
        let mut state = self.lock();
        if state.has_room(&self.drained) {
            let runs = answers.drain();
            TAP.show(|| {
                Frame::new(Point::ToClient, Payload::together(runs.clone())).on_stream(self)
            });
            for run in runs {
                state.queue.push(&Assembly { before: b"", source: &run, edits: &[], behind: b"" });
            }
        }
        self.settle_one(&mut state);
        drop(state);
        self.filled.notify_one();
    }

    fn settle_one(&self, state: &mut State) {
        state.owed = state.owed.saturating_sub(1);
        if state.owed == 0 {
            self.answered.notify_waiters();
        }
    }
}

impl Sink for Output {
    fn write(&self, outgoing: Outgoing<'_>) {
        let Outgoing { source, edits, response, .. } = outgoing;
        let mut state = self.lock();
        if state.has_room(&self.drained) {
            TAP.show(|| {
                Frame::new(Point::ToClient, Payload::edited(source, edits)).on_stream(self)
            });
            state.queue.push(&Assembly { before: b"", source, edits, behind: b"\n" });
        }
        if response {
            self.settle_one(&mut state);
        }
        drop(state);
        self.filled.notify_one();
    }

    fn forget(&self) {
        self.settle_one(&mut self.lock());
    }

    fn reader(&self) -> Option<&dyn Reader> {
        Some(self)
    }
}

impl Reader for Output {
    fn is_heard(&self) -> bool {
        self.lock().end.is_none()
    }

    fn backlog(&self) -> usize {
        let state = self.lock();
        if state.end.is_none() { state.queue.len() } else { 0 }
    }

    fn drained(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.drained.notified())
    }
}

async fn write_batch(
    output: &mut (impl AsyncWrite + Unpin),
    batch: &[bytes::Bytes],
) -> std::io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = batch.iter().map(|bytes| IoSlice::new(bytes)).collect();
    let mut left = slices.as_mut_slice();
    while !left.is_empty() {
        let written = output.write_vectored(left).await?;
        if written == 0 {
            return Err(std::io::ErrorKind::WriteZero.into());
        }
        IoSlice::advance_slices(&mut left, written);
    }
    output.flush().await
}
