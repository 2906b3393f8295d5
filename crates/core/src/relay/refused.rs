//! The connection of a request that goes no further.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Connection, Departure, Objection, Reply};
use crate::{host::Caller, jsonrpc::Message};

/// The error for a request about which rules cannot decide, because servers may read something else
/// in it.
pub(super) const UNCLEAR: &str = "Invalid Request: the method differs from a known one only in \
                                  case, or a name is not a text, or begins or ends with a blank, \
                                  or contains control characters";

/// Answers the request for which it was opened with an objection; no server is started.
#[derive(Debug)]
pub(super) struct Refused(pub(super) Objection);

impl Connection for Refused {
    fn send(
        &self,
        _: Message,
        reply: Option<Reply>,
        _: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        self.0.answer(reply);
        None
    }

    fn depart(&self, _: Departure) {}
}
