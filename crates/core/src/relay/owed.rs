//! Writes to clients that follow from changes of the shared state.
//!
//! A change happens under the lock and only notes what follows from it; the notes are carried out
//! without the lock, in the order of the changes (`locked`). Messages to the server are not noted
//! but appended to its outbox at once: that is a queue, and calls nobody.

use std::{fmt, mem, sync::Arc};

use bytes::Bytes;

use super::{
    Reply, Sink,
    about::About,
    exchange::{Leg, MemberId},
};
use crate::jsonrpc::{Edit, ErrorBody, Message};

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
    /// A notification about one request.
    About(About),
    /// A notification as the server sent it.
    Notification(Vec<Arc<dyn Sink>>, Message),
    /// A changed notification, or one of the proxy's own.
    Told(Vec<Arc<dyn Sink>>, Bytes, Vec<Edit<'static>>),
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
    pub(super) fn begin(&mut self) -> bool {
        let begins = !self.performing && self.owed.is_empty();
        self.performing |= begins;
        begins
    }

    /// The notes so far, for the caller to carry out; empty if another thread is doing that.
    pub(super) fn take(&mut self) -> Vec<Owed> {
        if self.performing || self.owed.is_empty() {
            return Vec::new();
        }
        self.performing = true;
        mem::take(&mut self.owed)
    }

    /// The notes that were added since, or the end: then the empty list is kept for reuse.
    pub(super) fn go_on(&mut self, done: Vec<Owed>) -> Vec<Owed> {
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
