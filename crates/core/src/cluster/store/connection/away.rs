//! Whether the store is away for a while.

use std::time::Duration;

use redis::{ErrorKind, ServerErrorKind};

/// Time for an answer, and for a connection.
pub(in crate::cluster::store) const PATIENCE: Duration = Duration::from_secs(2);

/// Whether a retry makes sense; if the store refused the request, it will refuse it again.
pub(in crate::cluster::store) fn is_away(error: &redis::RedisError) -> bool {
    error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || is_in_transition(error)
}

/// Whether the server is about to be replaced, or is about to be ready.
fn is_in_transition(error: &redis::RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::MasterNameNotFoundBySentinel
            | ErrorKind::ClusterConnectionNotFound
            | ErrorKind::Server(
                ServerErrorKind::BusyLoading
                    | ServerErrorKind::ClusterDown
                    | ServerErrorKind::MasterDown
                    | ServerErrorKind::ReadOnly
                    | ServerErrorKind::TryAgain
            )
    )
}
