//! Whether servers that are started on demand can be started, judged by the last attempt.
//!
//! An attempt succeeds with the server's first message. After a failure there may be no more
//! clients, because a load balancer believes `/readyz`; so the proxy retries by itself until a
//! server answers, or one serves a client.

use std::sync::{Mutex, PoisonError};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Outlook(Mutex<Option<String>>);

impl Outlook {
    /// A server has sent a message.
    pub(super) fn brighten(&self) {
        *self.lock() = None;
    }

    /// An attempt has failed for this reason; `true` if the one before had succeeded.
    pub(super) fn darken(&self, reason: String) -> bool {
        self.lock().replace(reason).is_none()
    }

    /// Why the last attempt failed, if it did.
    pub(super) fn failure(&self) -> Option<String> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
