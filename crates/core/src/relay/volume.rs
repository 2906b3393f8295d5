//! Bytes exchanged with servers, for the metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counted once for each write and read, not for each message, so it is always on.
#[derive(Debug, Default)]
pub(crate) struct Volume {
    written: AtomicU64,
    read: AtomicU64,
}

impl Volume {
    /// Bytes went to a server.
    pub(crate) fn written(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes came from a server.
    pub(crate) fn read(&self, bytes: usize) {
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes written and read so far.
    pub(crate) fn so_far(&self) -> (u64, u64) {
        (self.written.load(Ordering::Relaxed), self.read.load(Ordering::Relaxed))
    }
}
