//! Whether calls can be served, and details about the servers.

use std::{fmt, time::Duration};

/// Asked by the health routes and the metrics; implemented by the supervisors of servers.
pub(crate) trait Readiness: fmt::Debug + Send + Sync {
    /// Why no server can take a call at the moment; `None` if one can.
    fn unready(&self) -> Option<Unready>;

    /// What does not work although calls can be taken, one line each; no secrets, as in
    /// [`Unready`].
    fn degraded(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether the current configuration file differs from the one that runs; `None` without a
    /// file.
    /// only one.
    fn is_outdated(&self) -> Option<bool> {
        None
    }

    /// Each of several servers that have names; empty otherwise.
    fn named(&self) -> Vec<Named> {
        Vec::new()
    }

    /// The servers at the moment.
    fn servers(&self) -> Servers;
}

/// Why no server can take a call. Everybody may read it, so it contains nothing that a server
/// wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unready {
    /// One word for programs: `starting`, `restarting`, `stopped`, `failing`.
    pub(crate) state: &'static str,
    /// One sentence for people.
    pub(crate) reason: String,
    /// When asking again makes sense, if that is known.
    pub(crate) retry_after: Option<Duration>,
}

/// One of several servers.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    /// Its name in the configuration.
    pub(crate) name: String,
    /// Whether it can take calls.
    pub(crate) up: bool,
    /// Its processes.
    pub(crate) servers: Servers,
}

/// Running servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Servers {
    /// Their processes; each is the leader of its process group.
    pub(crate) pids: Vec<u32>,
    /// Restarts so far, of all servers.
    pub(crate) restarts: u64,
    /// Bytes that wait to be written to them.
    pub(crate) queued_bytes: usize,
    /// Bytes written to them so far.
    pub(crate) written_bytes: u64,
    /// Bytes read from them so far.
    pub(crate) read_bytes: u64,
}

impl Servers {
    /// The sum of both.
    pub(crate) fn with(mut self, others: Self) -> Self {
        self.pids.extend(others.pids);
        Self {
            restarts: self.restarts + others.restarts,
            queued_bytes: self.queued_bytes + others.queued_bytes,
            written_bytes: self.written_bytes + others.written_bytes,
            read_bytes: self.read_bytes + others.read_bytes,
            ..self
        }
    }
}

/// Servers that are started for their clients, and so are always ready.
#[derive(Debug)]
pub(crate) struct OnDemand;

impl Readiness for OnDemand {
    fn unready(&self) -> Option<Unready> {
        None
    }

    fn servers(&self) -> Servers {
        Servers::default()
    }
}
