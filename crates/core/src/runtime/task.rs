//! Tasks that are of one type.
//!
//! Tokio's part of a task is compiled for each type of future, and again for each of its two
//! schedulers: several kilobytes in all. Boxed, futures are of one type. Only the tasks that every
//! message passes are spared the box: a server's reader and writer, and the connections.

use futures_util::FutureExt as _;
use tokio::task::JoinHandle;

/// As [`tokio::spawn`].
pub(crate) fn spawn<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    tokio::spawn(future.boxed())
}
