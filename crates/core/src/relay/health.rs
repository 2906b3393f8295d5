//! How a server is doing, for those who ask from outside.

use std::time::Duration;

/// A snapshot; cheap to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// It has not answered its first handshake yet.
    Starting,
    /// It serves, for this long; restarts before that are counted.
    Up { uptime: Duration, restarts: u32 },
    /// It has ended and comes back.
    Restarting { attempt: u32, reason: String },
    /// It has ended for good.
    Stopped { reason: String },
    /// Servers are started for clients as they come; so many run.
    OnDemand { running: usize },
}
