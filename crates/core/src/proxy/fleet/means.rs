//! What the servers and endpoints of a fleet are made with, whatever its configuration.

use std::sync::{Arc, OnceLock};

use tokio::sync::{Semaphore, mpsc};
use tokio_util::task::TaskTracker;

use super::arrivals::Arrival;
use crate::{downstream::http::Common, relay::merged::Seal, upstream::Guard};

/// See the module.
pub(super) struct Means {
    pub(super) guard: Option<Guard>,
    pub(super) seal: Arc<Seal>,
    pub(super) arrived: mpsc::Sender<Arrival>,
    pub(super) starting: Arc<Semaphore>,
    /// Servers that are being stopped.
    pub(super) leaving: TaskTracker,
    /// What endpoints are built with; `None` without a port.
    pub(super) common: OnceLock<Arc<Common>>,
}

impl Means {
    pub(super) fn common(&self) -> Option<Arc<Common>> {
        self.common.get().cloned()
    }
}
