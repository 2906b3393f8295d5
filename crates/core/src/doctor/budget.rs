//! The time limit of an examination, and the shares that its steps get.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::DEFAULT_CONNECTION_TIMEOUT;

/// Time limit of a whole examination, not counting a longer time limit for connections.
const WHOLE: Duration = Duration::from_secs(58);

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    end: Instant,
}

impl Budget {
    /// The budget for a server whose connections may take this long.
    pub(super) fn whole(connection_timeout: Duration) -> Self {
        let raised =
            if is_raised(connection_timeout) { connection_timeout } else { Duration::ZERO };
        Self { end: Instant::now() + WHOLE + raised }
    }

    /// The time for a step that asks for this much, at most what is left.
    pub(super) fn at_most(self, wanted: Duration) -> Duration {
        wanted.min(self.left())
    }

    pub(super) fn left(self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }
}

/// Whether a connection may take longer than by default.
pub(super) fn is_raised(connection_timeout: Duration) -> bool {
    connection_timeout > DEFAULT_CONNECTION_TIMEOUT
}
