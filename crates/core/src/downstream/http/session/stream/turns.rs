//! What readers do: one after the other, each in its turn.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;

use super::{
    super::state::{Decision, Owed, Reader, State},
    Step, Stream, Unresumed,
};
use crate::{codec::event_stream, jsonrpc::Pieces, relay::RESUME_BELOW, runtime::lock::MutexGuard};

impl Stream {
    /// The turn of a new reader, which gets everything that is kept and was given to no reader.
    pub(in crate::downstream::http::session) fn turn(self: &Arc<Self>) -> u64 {
        let mut state = self.lock();
        if let Some(numbering) = self.numbering() {
            state.drop_queue();
            let unseen = std::mem::take(&mut state.unseen);
            numbering.replay_newest(unseen, &mut state.queue);
        } else if state.is_read {
            // What is kept may begin in the middle of an event.
            state.queue = Pieces::default();
        }
        self.admit(state)
    }

    /// The same, without what was given to no reader.
    pub(in crate::downstream::http::session) fn fresh_turn(self: &Arc<Self>) -> u64 {
        let mut state = self.lock();
        state.queue = Pieces::default();
        self.admit(state)
    }

    fn admit(self: &Arc<Self>, mut state: MutexGuard<'_, State>) -> u64 {
        self.introduce(&state);
        self.count(&mut state);
        let turn = state.begin_turn();
        self.drained.notify_waiters();
        turn
    }

    /// Whether bytes wait for a reader.
    pub(crate) fn has_backlog(&self) -> bool {
        !self.lock().queue.is_empty()
    }

    /// The turn of the first reader.
    pub(in crate::downstream::http::session) fn first_turn(self: &Arc<Self>) -> u64 {
        let mut state = self.lock();
        self.introduce(&state);
        state.begin_turn()
    }

    /// The turn of a reader that has everything up to `last`.
    pub(in crate::downstream::http::session) fn turn_after(
        self: &Arc<Self>,
        last: event_stream::EventId,
    ) -> Result<u64, Unresumed> {
        let Some(numbering) = self.numbering() else { return Err(Unresumed::Unknown) };
        let mut state = self.lock();
        // What an earlier reader left unread is among the missed events.
        let mut missed = Pieces::default();
        if !numbering.replay(last, &mut missed) {
            return Err(Unresumed::Unknown);
        }
        if missed.is_empty() && state.owed == Owed::Ended {
            return Err(Unresumed::Over);
        }
        state.queue = missed;
        state.unseen = 0;
        Ok(self.admit(state))
    }

    /// The reader of this turn has disconnected. What was queued for it stays in the event store,
    /// if there is one.
    pub(in crate::downstream::http::session) fn detach(&self, turn: u64) {
        let mut state = self.lock();
        if state.turn != turn {
            return;
        }
        state.drop_queue();
        self.count(&mut state);
        state.reader = Reader::Absent;
        state.is_read = false;
        self.drained.notify_waiters();
        let is_kept = self.entry.is_some();
        let finished = state.owed == Owed::Ended || !is_kept;
        drop(state);
        if finished {
            self.leave_session();
        }
    }

    /// Ends the stream even if responses are missing.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.owed = Owed::Ended;
        state.wake();
        self.drained.notify_waiters();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.lock().owed == Owed::Ended
    }

    /// The next step for the reader of this turn.
    pub(in crate::downstream::http::session) fn poll_next(
        &self,
        turn: u64,
        context: &mut Context<'_>,
    ) -> Poll<Step> {
        let mut state = self.lock();
        match state.reader {
            _ if state.turn != turn => return Poll::Ready(Step::End),
            Reader::Cut => return Poll::Ready(Step::Cut),
            Reader::Dismissed { is_told: true } if state.queue.is_empty() => {
                return Poll::Ready(Step::End);
            }
            Reader::Dismissed { .. } if state.queue.is_empty() => {
                state.reader = Reader::Dismissed { is_told: true };
                return Poll::Ready(Step::Bytes(Bytes::from_static(event_stream::RETRY)));
            }
            _ => {}
        }
        state.is_read = true;
        let is_large = state.queue.len() > RESUME_BELOW;
        if let Some(bytes) = state.queue.pop() {
            self.count(&mut state);
            if is_large {
                self.drained.notify_waiters();
            }
            return Poll::Ready(Step::Bytes(bytes));
        }
        if state.owed == Owed::Ended {
            state.is_delivered = true;
            return Poll::Ready(Step::End);
        }
        state.wait(context);
        Poll::Pending
    }

    /// Whether a reader has received everything up to the end.
    pub(crate) fn is_delivered(&self) -> bool {
        self.lock().is_delivered
    }

    /// Ready once every response has arrived: nothing more will be queued.
    pub(crate) fn poll_ended(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.owed == Owed::Ended || matches!(state.reader, Reader::Cut) {
            return Poll::Ready(());
        }
        state.wait(context);
        Poll::Pending
    }

    /// Ready once there is a message to send, or nothing more will come.
    pub(crate) fn poll_begun(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.wrote
            || state.owed == Owed::Ended
            || matches!(state.reader, Reader::Dismissed { .. })
        {
            return Poll::Ready(());
        }
        state.wait(context);
        Poll::Pending
    }

    /// Ready once it is known whether the request is refused, or nothing more will come.
    pub(crate) fn poll_decided(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        let is_read = matches!(state.reader, Reader::Present(_));
        if state.decision == Decision::Made || !is_read || state.owed == Owed::Ended {
            return Poll::Ready(());
        }
        state.wait(context);
        Poll::Pending
    }

    /// Everything queued for the reader of this turn; `None` if more will come.
    pub(in crate::downstream::http::session) fn take_whole(&self, turn: u64) -> Option<Vec<Bytes>> {
        let mut state = self.lock();
        if state.owed != Owed::Ended || state.turn != turn {
            return None;
        }
        state.is_delivered = true;
        let whole = state.queue.drain();
        self.count(&mut state);
        Some(whole)
    }
}
