//! The state of the connection to a shared upstream.

use std::sync::Arc;

use super::{
    Cause, InitializeResult, Outbox, Reply,
    exchange::{Exchange, Purpose},
};

/// Up, away for the moment, or ended for good.
#[derive(Debug)]
pub(super) enum Link {
    Up {
        outbox: Arc<Outbox>,
        initialize: InitializeResult,
        /// Process id, if it is a process.
        pid: Option<u32>,
    },
    /// `None` if it has not started yet.
    Away {
        cause: Option<Cause>,
        attempt: u32,
    },
    Down(Cause),
}

/// The replies among these exchanges.
pub(super) fn calls(exchanges: impl IntoIterator<Item = Exchange>) -> impl Iterator<Item = Reply> {
    exchanges.into_iter().filter_map(|exchange| match exchange.purpose {
        Purpose::Call { reply, .. } => Some(reply),
        _ => None,
    })
}
