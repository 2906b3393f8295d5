//! A handshake whose revision the server has refused is sent again, with an older one.

use super::private::State;
use crate::{
    jsonrpc::{Assembly, Edit, Kind, Message, Span, decode_string, find_member},
    relay::Outbox,
    telemetry::traffic,
};

impl State {
    /// Sends the handshake again if this answer to it refuses its revision. Returns whether that is
    /// so: the answer is for nobody then.
    pub(super) fn opens_again(&mut self, exchange: u64, outbox: &Outbox, answer: &Message) -> bool {
        let Some(mut opening) = self.opening.take_if(|opening| opening.exchange == exchange) else {
            return false;
        };
        if answer.kind() != Kind::Error {
            return false;
        }
        let Some((greeting, span, refused)) = self.asked() else { return false };
        let Some(version) = opening.older(&refused, answer) else { return false };
        let Some(before) = self.exchanges.remove(exchange) else { return false };
        tracing::warn!("the MCP server refuses protocol revision {refused}; trying {version}");
        let quoted = format!("\"{version}\"");
        let greeting = greeting.rewritten(&[Edit { span, with: quoted.as_bytes() }]);
        self.memory.note(&greeting);
        opening.exchange = self.exchanges.next_id();
        self.queue(outbox, &greeting);
        self.exchanges.insert(before.purpose);
        self.opening = Some(opening);
        true
    }

    /// The handshake, and its revision.
    fn asked(&self) -> Option<(Message, Span, String)> {
        let greeting = self.memory.greeting()?;
        let span = find_member(greeting.bytes(), greeting.params()?, "protocolVersion")?;
        let version = decode_string(greeting.text(span))?;
        Some((greeting, span, version))
    }

    /// Queues a request with the id of the next exchange.
    pub(super) fn queue(&self, outbox: &Outbox, request: &Message) {
        let Some(span) = request.id_span() else { return };
        let mut buffer = itoa::Buffer::new();
        let edits = [Edit { span, with: buffer.format(self.exchanges.next_id()).as_bytes() }];
        let source = request.bytes();
        outbox.push_anyway(&Assembly { before: b"", source, edits: &edits, behind: b"\n" });
        traffic!("->", request.bytes());
    }
}
