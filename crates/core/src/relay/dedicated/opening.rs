//! The handshake with a server that may refuse its revision.

use std::vec;

use crate::{jsonrpc::Message, protocol::older_to_try};

/// A handshake that is under way.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) exchange: u64,
    /// The revisions that are still to be tried; `None` before the first refusal.
    left: Option<vec::IntoIter<&'static str>>,
}

impl Opening {
    pub(super) fn new(exchange: u64) -> Self {
        Self { exchange, left: None }
    }

    /// The revision to try after this refusal of another one.
    pub(super) fn older(&mut self, refused: &str, refusal: &Message) -> Option<&'static str> {
        let left = self.left.get_or_insert_with(|| older_to_try(refusal).into_iter());
        // Revisions are dates.
        left.find(|version| *version < refused)
    }
}
