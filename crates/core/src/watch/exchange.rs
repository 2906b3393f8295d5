//! The HTTP exchange that a task serves.
//!
//! Messages are shown to the tap far below the code that knows their request's head. While the tap
//! is open, the number of the exchange is a task-local, so no layer has to pass it on.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::futures::TaskLocalFuture;

tokio::task_local! {
    static EXCHANGE: u64;
}

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A number for one more exchange.
pub(crate) fn next() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Runs this for the exchange with this number.
pub(crate) fn within<F: Future>(exchange: u64, work: F) -> TaskLocalFuture<u64, F> {
    EXCHANGE.scope(exchange, work)
}

/// The exchange that the current task serves.
pub(crate) fn current() -> Option<u64> {
    EXCHANGE.try_with(|exchange| *exchange).ok()
}
