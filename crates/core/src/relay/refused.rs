//! The connection of a request that goes no further.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Connection, Departure, Objection, Reply};
use crate::{host::Caller, jsonrpc::Message};

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
