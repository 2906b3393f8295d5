//! The way back of a request whose server turns out to speak another era than it did.
//!
//! Such a server refuses the request without having run it, so that it can be sent once more, in
//! the era that the server speaks now. What is refused then, too, is refused.

use std::sync::Weak;

use super::arrival::Arrival;
use crate::{jsonrpc::Message, relay::Reply};

/// The reply to this request, which is sent again if a server refuses it that has turned since the
/// turn of this number.
pub(super) fn detour(arrival: &Weak<Arrival>, request: &Message, turn: u64, reply: Reply) -> Reply {
    let (arrival, request) = (Weak::clone(arrival), request.clone());
    reply.by_detour(Box::new(move |reply| {
        let Some(arrival) = arrival.upgrade() else { return Some(reply) };
        arrival.turn(turn, (request, Some(reply)));
        None
    }))
}
