//! A client's messages while the proxy makes the handshake on its behalf.

use crate::{
    jsonrpc::{Code, ErrorBody, Kind, Message},
    protocol::Notification,
    relay::Reply,
};

/// If more bytes are held for one client, its messages are refused. One message of any size is
/// always accepted.
const MAX_HELD_BYTES: usize = 4 * 1024 * 1024;

/// A request that is not held.
pub(in crate::relay) enum Unheld {
    /// Its client has cancelled it.
    Cancelled(Reply),
    /// Too many bytes are held already.
    TooMuch(Reply),
}

impl Unheld {
    /// Answers it. Must not be called under a lock: its sink may call back at once.
    pub(in crate::relay) fn settle(self) {
        match self {
            Self::Cancelled(reply) => reply.forget(),
            Self::TooMuch(reply) => {
                let text = "the MCP server is starting, and too many messages wait for it";
                reply.error(&ErrorBody::new(Code::Unavailable, text));
            }
        }
    }
}

/// Messages in their order.
#[derive(Debug, Default)]
pub(in crate::relay) struct Held {
    messages: Vec<(Message, Option<Reply>)>,
    bytes: usize,
}

impl Held {
    /// Takes a message; a cancellation removes the held request.
    pub(in crate::relay) fn take(
        &mut self,
        message: Message,
        reply: Option<Reply>,
    ) -> Option<Unheld> {
        if is_cancellation(&message)
            && let Some(cancelled) = self.remove(&message)
        {
            return Some(Unheld::Cancelled(cancelled));
        }
        if self.bytes > MAX_HELD_BYTES {
            tracing::warn!("a client sent too much to a server that is being started");
            return reply.map(Unheld::TooMuch);
        }
        self.bytes += message.bytes().len();
        self.messages.push((message, reply));
        None
    }

    /// Whether a request that this cancellation names is held.
    pub(in crate::relay) fn holds(&self, cancellation: &Message) -> bool {
        is_cancellation(cancellation) && self.place(cancellation).is_some()
    }

    fn place(&self, cancellation: &Message) -> Option<usize> {
        let id = cancellation.text(cancellation.cancelled_id()?);
        let named = |(_, reply): &(Message, Option<Reply>)| {
            reply.as_ref().is_some_and(|reply| reply.id() == id)
        };
        self.messages.iter().position(named)
    }

    fn remove(&mut self, cancellation: &Message) -> Option<Reply> {
        let (message, reply) = self.messages.remove(self.place(cancellation)?);
        self.bytes -= message.bytes().len();
        reply
    }

    /// All held messages, for the server.
    pub(in crate::relay) fn into_messages(self) -> Vec<(Message, Option<Reply>)> {
        self.messages
    }

    /// The replies of the held requests.
    pub(in crate::relay) fn into_replies(self) -> impl Iterator<Item = Reply> {
        self.messages.into_iter().filter_map(|(_, reply)| reply)
    }
}

/// Whether a message cancels a request.
pub(super) fn is_cancellation(message: &Message) -> bool {
    message.kind() == Kind::Notification
        && Notification::of(&message.method()) == Notification::Cancelled
}
