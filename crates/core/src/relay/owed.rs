//! Writes to clients that follow from changes of the shared state.
//!
//! A change happens under the lock and only notes what follows from it; the notes are carried out
//! without the lock, in the order of the changes. So a sink may call back, and one thread's
//! cancellation cannot overtake another's call. Messages to the server are not noted but appended
//! to its outbox at once: that is a queue, and calls nobody.

use std::{
    fmt, mem,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use bytes::Bytes;

use super::{
    Outgoing, Reply, Shared, Sink,
    exchange::{Leg, MemberId},
    fan_out::{deliver, deliver_message},
    reply::write,
    shared::State,
};
use crate::{
    jsonrpc::{Edit, ErrorBody, Message, Raw, Span},
    runtime::lock::MutexGuard,
};

/// A note: something to do for clients.
pub(super) enum Owed {
    /// The server has answered a call.
    Answer { leg: Leg, member: MemberId, reply: Reply, response: Message },
    /// A server of another era has refused a call, which can perhaps be sent another way.
    Refusal { leg: Leg, member: MemberId, reply: Reply, refusal: Message },
    /// The server has answered for several requests, or for the proxy.
    Response(Reply, Message),
    /// An empty result.
    Done(Reply),
    /// The request fails.
    Error(Reply, ErrorBody),
    /// The request gets no answer.
    Forgotten(Reply),
    /// A stream of changes ends.
    StreamEnded(Reply),
    /// A notification about one request, with this text at the span.
    About { sink: Arc<dyn Sink>, notification: Message, span: Span, own: Raw },
    /// A notification as the server sent it.
    Notification(Vec<Arc<dyn Sink>>, Message),
    /// A changed notification, or one of the proxy's own.
    Told(Vec<Arc<dyn Sink>>, Bytes, Vec<Edit<'static>>),
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
            Self::About { sink, notification, span, own } => {
                let edits = [Edit { span, with: own.as_bytes() }];
                write(&*sink, Outgoing::of(&notification, &edits, false));
            }
            Self::Notification(audience, message) => deliver_message(&audience, &message),
            Self::Told(audience, source, edits) => deliver(&audience, &source, &edits),
        }
    }
}

/// The notes, and whether a thread is carrying them out.
#[derive(Default)]
pub(super) struct Debts {
    owed: Vec<Owed>,
    performing: bool,
}

impl Debts {
    pub(super) fn push(&mut self, owed: Owed) {
        self.owed.push(owed);
    }

    /// Whether a change's consequences can be carried out at once. If so, no other thread carries
    /// out anything until that is done.
    fn begin(&mut self) -> bool {
        let begins = !self.performing && self.owed.is_empty();
        self.performing |= begins;
        begins
    }

    /// The notes so far, for the caller to carry out; empty if another thread is doing that.
    fn take(&mut self) -> Vec<Owed> {
        if self.performing || self.owed.is_empty() {
            return Vec::new();
        }
        self.performing = true;
        mem::take(&mut self.owed)
    }

    /// The notes that were added since, or the end: then the empty list is kept for reuse.
    fn go_on(&mut self, done: Vec<Owed>) -> Vec<Owed> {
        if self.owed.is_empty() {
            self.performing = false;
            if done.capacity() > 0 {
                self.owed = done;
            }
            return Vec::new();
        }
        mem::replace(&mut self.owed, done)
    }
}

impl fmt::Debug for Debts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Debts").field("owed", &self.owed.len()).finish_non_exhaustive()
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
    pub(super) fn new(shared: &'a Shared) -> Self {
        Self { state: shared.state(), performer: Performer::idle(shared) }
    }

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
