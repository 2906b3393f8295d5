//! Counters and levels, for Prometheus and OTLP.
//!
//! Code that counts something holds an `Option<Arc<Metrics>>`, which is `None` unless metrics are
//! enabled. Counters are atomics. Levels that are known elsewhere (sessions, queues, the event
//! store) are not counted here but read when they are requested.

mod call;
mod calls;
mod exposition;
mod families;
mod histogram;
mod scope;
mod usage;
mod whose;

pub(crate) use call::Call;
pub(crate) use exposition::expose;
pub use families::{Family, Kind, Labels, Value};
pub(crate) use families::{Levels, Replicas, ServerLevel, StoreLevels, families};
pub(crate) use histogram::Histogram;
pub(crate) use scope::Outcome;
pub(crate) use usage::{Usage, own_usage, usage_of_groups};
pub(crate) use whose::Whose;

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use calls::Calls;

/// HTTP statuses: 100 to 599.
const STATUSES: usize = 500;

/// See the module.
#[derive(Debug)]
pub(crate) struct Metrics {
    calls: Calls,
    statuses: [AtomicU64; STATUSES],
    /// Refusals are rare, and their reasons are few constants.
    rejections: Mutex<BTreeMap<&'static str, u64>>,
    received: AtomicU64,
    sent: AtomicU64,
    streams: AtomicU64,
    slow_readers: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            calls: Calls::default(),
            statuses: [const { AtomicU64::new(0) }; STATUSES],
            rejections: Mutex::default(),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            streams: AtomicU64::new(0),
            slow_readers: AtomicU64::new(0),
        }
    }
}

impl Metrics {
    /// The owner of calls at an endpoint of the server with this name.
    pub(crate) fn of_server(&self, name: &str) -> Whose {
        Whose::Server(self.calls.of_server(name))
    }

    /// Sets the merged servers: their names and prefixes.
    pub(crate) fn merge(&self, servers: &[(String, String)]) {
        self.calls.merge(servers);
    }

    /// A request was answered with this status.
    pub(crate) fn answered(&self, status: u16) {
        if let Some(count) = self.statuses.get(usize::from(status).wrapping_sub(100)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A request was refused for this reason.
    pub(crate) fn rejected(&self, reason: &'static str) {
        let mut rejections = self.rejections.lock().unwrap_or_else(PoisonError::into_inner);
        *rejections.entry(reason).or_default() += 1;
    }

    /// Bytes were received from clients.
    pub(crate) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes were sent to clients.
    pub(crate) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// An event stream was opened.
    pub(crate) fn stream_opened(&self) {
        self.streams.fetch_add(1, Ordering::Relaxed);
    }

    /// An event stream was closed.
    pub(crate) fn stream_closed(&self) {
        self.streams.fetch_sub(1, Ordering::Relaxed);
    }

    /// A client read its stream too slowly and lost it.
    pub(crate) fn cut_slow_reader(&self) {
        self.slow_readers.fetch_add(1, Ordering::Relaxed);
    }
}
