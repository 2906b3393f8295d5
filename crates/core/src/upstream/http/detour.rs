//! A second way for a request whose server has changed its era.
//!
//! Such a server refuses the request without having run it, so it can be sent once more, in the
//! server's new era. If it is refused again, that is final.

use std::sync::Weak;

use super::arrival::Arrival;
use crate::{jsonrpc::Message, relay::Reply};

/// The reply for this request; if the server refuses it and has changed its era since the turn with
/// this number, the request is sent again.
pub(super) fn detour(arrival: &Weak<Arrival>, request: &Message, turn: u64, reply: Reply) -> Reply {
    let (arrival, request) = (Weak::clone(arrival), request.clone());
    reply.by_detour(Box::new(move |reply| {
        let Some(arrival) = arrival.upgrade() else { return Some(reply) };
        arrival.turn(turn, (request, Some(reply)));
        None
    }))
}
