//! One server's connection for one client, and its state.

use std::{mem, sync::Arc};

use bytes::Bytes;

use super::{greeting::Offers, lists::Listed, server::Server};
use crate::{
    jsonrpc::Message,
    relay::{
        Connection, Reply,
        dedicated::{Held, Unheld},
    },
};

/// See the module.
pub(super) struct Leg {
    pub(super) server: Arc<Server>,
    pub(super) phase: Phase,
    /// A list that the client got without the server's part.
    pub(super) missed: Option<Listed>,
}

pub(super) enum Phase {
    /// It was not needed yet.
    Idle,
    /// Messages wait for it.
    Opening(Held),
    Open(Open),
    /// It could not be opened; the next message tries again.
    Failed,
}

/// A connection with a finished handshake.
#[derive(Clone)]
pub(super) struct Open {
    pub(super) connection: Arc<dyn Connection>,
    pub(super) offers: Offers,
    /// The log level that was set, if the server offers logging.
    pub(super) generation: u64,
    /// The answer to the handshake, until the client gets it.
    pub(super) said: Option<Bytes>,
}

/// What to do with a message for a leg.
#[expect(clippy::large_enum_variant, reason = "it is moved on at once; boxing it would cost more")]
pub(super) enum Taken {
    /// Send it over this connection.
    Over(Arc<dyn Connection>, Message, Option<Reply>),
    /// It waits for the connection, which the caller must open.
    Waits { opens: bool },
    /// It cannot wait.
    Unheld(Unheld),
}

impl Leg {
    pub(super) fn new(server: Arc<Server>) -> Self {
        Self { server, phase: Phase::Idle, missed: None }
    }

    pub(super) fn open(&self) -> Option<&Open> {
        if let Phase::Open(open) = &self.phase { Some(open) } else { None }
    }

    pub(super) fn is_opening(&self) -> bool {
        matches!(self.phase, Phase::Opening(_))
    }

    /// Takes a client's message.
    pub(super) fn take(&mut self, message: Message, reply: Option<Reply>) -> Taken {
        match &mut self.phase {
            Phase::Open(open) => Taken::Over(Arc::clone(&open.connection), message, reply),
            Phase::Opening(held) => {
                let unheld = held.take(message, reply);
                unheld.map_or(Taken::Waits { opens: false }, Taken::Unheld)
            }
            Phase::Idle | Phase::Failed => {
                let mut held = Held::default();
                // The first message is held whatever its size.
                if let Some(unheld) = held.take(message, reply) {
                    return Taken::Unheld(unheld);
                }
                self.phase = Phase::Opening(held);
                Taken::Waits { opens: true }
            }
        }
    }

    /// Whether the caller must open it now; a failed one only if it is tried `again`.
    pub(super) fn begin(&mut self, again: bool) -> bool {
        let begins = match self.phase {
            Phase::Idle => true,
            Phase::Failed => again,
            Phase::Opening(_) | Phase::Open(_) => false,
        };
        if begins {
            self.phase = Phase::Opening(Held::default());
        }
        begins
    }

    /// What has waited for the connection, in order.
    pub(super) fn held(&mut self) -> Vec<(Message, Option<Reply>)> {
        match &mut self.phase {
            Phase::Opening(held) => mem::take(held).into_messages(),
            _ => Vec::new(),
        }
    }
}
