//! The way back of a request whose server turns out to speak another era than it did.
//!
//! Such a server refuses the request without having run it, so that it can be sent once more, in
//! the era that the server speaks now. What is refused then, too, is refused.

use std::sync::{Arc, Weak};

use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::arrival::Arrival;
use crate::{
    jsonrpc::{Edit, Message},
    protocol::LogLevel,
    relay::{Outgoing, Reply, Sink},
};

/// Where one request is answered, which hears of it if the request has to be sent again.
pub(super) struct Detour {
    arrival: Weak<Arrival>,
    request: Message,
    /// The turn of the server after which the request was sent.
    turn: u64,
    sink: Arc<dyn Sink>,
}

impl Detour {
    /// The reply to this request, by way of a detour.
    pub(super) fn of(arrival: &Weak<Arrival>, request: &Message, turn: u64, reply: Reply) -> Reply {
        let Some(sink) = reply.sink() else { return reply };
        let (arrival, request) = (Weak::clone(arrival), request.clone());
        reply.on(Arc::new(Self { arrival, request, turn, sink }))
    }
}

impl Sink for Detour {
    fn write(&self, outgoing: Outgoing<'_>) {
        self.sink.write(outgoing);
    }

    fn write_message(&self, message: &Message, edits: &[Edit<'_>], response: bool) {
        self.sink.write_message(message, edits, response);
    }

    fn write_event(&self, outgoing: Outgoing<'_>, event_id: &str) {
        self.sink.write_event(outgoing, event_id);
    }

    fn forget(&self) {
        self.sink.forget();
    }

    fn number(&self) -> Option<u64> {
        self.sink.number()
    }

    fn session(&self) -> Option<Uuid> {
        self.sink.session()
    }

    fn is_heard(&self) -> bool {
        self.sink.is_heard()
    }

    fn takes_log(&self, level: LogLevel) -> bool {
        self.sink.takes_log(level)
    }

    fn interrupt(&self) {
        self.sink.interrupt();
    }

    fn astray(&self, reply: Reply) -> Option<Reply> {
        let Some(arrival) = self.arrival.upgrade() else { return Some(reply) };
        arrival.turn(self.turn, (self.request.clone(), Some(reply.on(Arc::clone(&self.sink)))));
        None
    }

    fn backlog(&self) -> usize {
        self.sink.backlog()
    }

    fn drained(&self) -> BoxFuture<'_, ()> {
        self.sink.drained()
    }
}

/// Hears answers that are for nobody.
pub(super) struct Nobody;

impl Sink for Nobody {
    fn write(&self, _: Outgoing<'_>) {}

    fn forget(&self) {}

    fn is_heard(&self) -> bool {
        false
    }
}
