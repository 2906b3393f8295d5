//! Limits of what is kept of a session.

use super::{DEFAULT_EVENT_STORE_MAX_BYTES, DEFAULT_EVENT_STORE_MAX_EVENTS};

/// Limits of one session's event store; if either is exceeded, the oldest event is dropped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EventStoreConfig {
    /// Most events kept, 1000 by default, at least 1.
    pub max_events: usize,
    /// Most bytes kept, 4 MiB by default.
    pub max_bytes: usize,
}

impl Default for EventStoreConfig {
    fn default() -> Self {
        Self {
            max_events: DEFAULT_EVENT_STORE_MAX_EVENTS,
            max_bytes: DEFAULT_EVENT_STORE_MAX_BYTES,
        }
    }
}
