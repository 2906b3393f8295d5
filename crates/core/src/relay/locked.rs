//! The lock of a shared upstream: whoever releases it carries out what was noted under it.
//!
//! So a sink may call back, and one thread's cancellation cannot overtake another's call.

use std::{
    mem,
    ops::{Deref, DerefMut},
};

use super::{
    Shared,
    owed::Owed,
    sink::{deliver, deliver_message},
    state::State,
};
use crate::runtime::lock::MutexGuard;

impl Shared {
    /// The locked state; its notes are carried out when it is dropped.
    pub(super) fn lock(&self) -> Locked<'_> {
        Locked { state: self.state(), performer: Performer::idle(self) }
    }
}

/// The shared state while it is locked. Dropping this carries out the notes, unless another thread
/// is doing that, which then does these, too.
pub(super) struct Locked<'a> {
    // First, because it must be unlocked before the performer is dropped.
    state: MutexGuard<'a, State>,
    performer: Performer<'a>,
}

impl<'a> Locked<'a> {
    /// Unlocks the state for a caller that carries out the consequence at once, while the performer
    /// lives; returns itself if something else comes first.
    pub(super) fn at_once(mut self) -> Result<Performer<'a>, Self> {
        if !self.state.debts.begin() {
            return Err(self);
        }
        let shared = self.performer.shared;
        drop(self);
        Ok(Performer { shared, performs: true, owed: Vec::new() })
    }
}

impl Deref for Locked<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let owed = self.state.debts.take();
        self.performer.performs = !owed.is_empty();
        self.performer.owed = owed;
    }
}

/// When dropped, carries out the notes and those that follow from them.
pub(super) struct Performer<'a> {
    shared: &'a Shared,
    performs: bool,
    owed: Vec<Owed>,
}

impl<'a> Performer<'a> {
    fn idle(shared: &'a Shared) -> Self {
        Self { shared, performs: false, owed: Vec::new() }
    }
}

impl Drop for Performer<'_> {
    fn drop(&mut self) {
        if !self.performs {
            return;
        }
        let mut batch = mem::take(&mut self.owed);
        loop {
            for owed in batch.drain(..) {
                owed.perform(self.shared);
            }
            batch = self.shared.state().debts.go_on(batch);
            if batch.is_empty() {
                return;
            }
        }
    }
}

impl Owed {
    fn perform(self, shared: &Shared) {
        match self {
            Self::Answer { leg, member, reply, response } => {
                leg.answer(shared, member, reply, &response);
            }
            Self::Refusal { leg, member, reply, refusal } => {
                if let Some(reply) = reply.astray() {
                    leg.answer(shared, member, reply, &refusal);
                }
            }
            Self::Response(reply, response) => reply.response(&response),
            Self::Done(reply) => reply.result(b"{}"),
            Self::Error(reply, error) => reply.error(&error),
            Self::Forgotten(reply) => reply.forget(),
            Self::StreamEnded(reply) => reply.stream_ended(),
            Self::About(about) => about.write(),
            Self::Notification(audience, message) => deliver_message(&audience, &message),
            Self::Told(audience, source, edits) => deliver(&audience, &source, &edits),
        }
    }
}
