//! Which HTTP exchange a task is serving.
//!
//! A message is shown far below the place that knows the head of its request. While somebody
//! watches, the number of the exchange is a local of the task, so that no layer has to pass it on.

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

/// Does this for the exchange of this number.
pub(crate) fn within<F: Future>(exchange: u64, work: F) -> TaskLocalFuture<u64, F> {
    EXCHANGE.scope(exchange, work)
}

/// The exchange that this task is serving.
pub(crate) fn current() -> Option<u64> {
    EXCHANGE.try_with(|exchange| *exchange).ok()
}
