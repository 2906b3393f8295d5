//! The time during which one backend is current.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

use crate::relay::Backend;

/// See the module.
pub(super) struct Turn {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) over: AtomicBool,
    /// Calls that the backend has not answered.
    pub(super) calls: TaskTracker,
}

impl Turn {
    pub(super) fn new(backend: Arc<dyn Backend>) -> Arc<Self> {
        Arc::new(Self { backend, over: AtomicBool::new(false), calls: TaskTracker::new() })
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Held while a call is running.
    pub(super) fn call(&self) -> TaskTrackerToken {
        self.calls.token()
    }
}

/// The turn that is current now.
pub(super) struct Current(Mutex<Arc<Turn>>);

impl Current {
    pub(super) fn of(backend: Arc<dyn Backend>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Turn::new(backend))))
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Turn>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn turn(&self) -> Arc<Turn> {
        Arc::clone(&self.lock())
    }

    /// Begins the turn of this backend; returns the one that is over.
    pub(super) fn replace(&self, backend: Arc<dyn Backend>) -> Arc<Turn> {
        let mut current = self.lock();
        let turn = std::mem::replace(&mut *current, Turn::new(backend));
        turn.over.store(true, Ordering::Release);
        turn
    }

    /// The current turn, with one more running call.
    pub(super) fn counted(&self) -> (Arc<Turn>, TaskTrackerToken) {
        let turn = self.lock();
        (Arc::clone(&turn), turn.call())
    }
}
