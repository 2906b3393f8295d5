//! What reloads, watches and requests share.

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
};

use super::{means::Means, page, roster::Roster};
use crate::downstream::http::{Port, Routes};

/// See the module.
pub(super) struct Shared {
    pub(super) means: Means,
    /// Serves them.
    pub(super) port: OnceLock<Weak<Port>>,
    roster: Mutex<Arc<Roster>>,
    /// Why the current file differs from what runs.
    failed_reload: Mutex<Option<String>>,
    /// One reload at a time.
    pub(super) reloading: Mutex<()>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("roster", &self.roster()).finish_non_exhaustive()
    }
}

impl Shared {
    /// Before anything is served.
    pub(super) fn new(means: Means) -> Self {
        let roster = Mutex::new(Arc::new(Roster::nothing(&means.seal)));
        Self {
            means,
            port: OnceLock::new(),
            roster,
            failed_reload: Mutex::default(),
            reloading: Mutex::default(),
        }
    }

    /// The current roster.
    pub(super) fn roster(&self) -> Arc<Roster> {
        Arc::clone(&self.roster.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn serve(&self, roster: Arc<Roster>) {
        *self.roster.lock().unwrap_or_else(PoisonError::into_inner) = roster;
    }

    pub(super) fn port(&self) -> Option<Arc<Port>> {
        self.port.get()?.upgrade()
    }

    pub(super) fn failed_reload(&self) -> Option<String> {
        self.failed_reload.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note_reload(&self, failure: Option<String>) {
        *self.failed_reload.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    /// The table of the routes of a roster, with the page of the current one.
    pub(super) fn routes(self: &Arc<Self>, roster: &Roster) -> Routes {
        let shared = Arc::downgrade(self);
        roster.routes(Arc::new(move || {
            let roster = shared.upgrade()?.roster();
            Some(page::list(&roster.config, &roster.servers))
        }))
    }
}
