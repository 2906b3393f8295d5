//! Whether there is a server to send calls to, and what can be said about it.

use std::{fmt, time::Duration};

/// Asked by the health routes and the metrics; answered by whoever supervises the servers.
pub(crate) trait Readiness: fmt::Debug + Send + Sync {
    /// Why no server can take a call at the moment; `None` while one can.
    fn unready(&self) -> Option<Unready>;

    /// What does not work although calls can be taken, a line each; no secrets, as in [`Unready`].
    fn degraded(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether the configuration that is there now is another one than runs; `None` where there is
    /// only one.
    fn is_outdated(&self) -> Option<bool> {
        None
    }

    /// Each of several servers, where they have names; as few as there are in a configuration.
    fn named(&self) -> Vec<Named> {
        Vec::new()
    }

    /// The servers at the moment.
    fn servers(&self) -> Servers;
}

/// Why no server can take a call. Everybody may read it, so it holds nothing that a server wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unready {
    /// One word for programs: `starting`, `restarting`, `stopped`, `failing`.
    pub(crate) state: &'static str,
    /// One sentence for people.
    pub(crate) reason: String,
    /// When it is worth asking again, if that is known.
    pub(crate) retry_after: Option<Duration>,
}

/// One of several servers.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    /// As the configuration calls it.
    pub(crate) name: String,
    /// It can take calls.
    pub(crate) up: bool,
    /// Its processes.
    pub(crate) servers: Servers,
}

/// Running servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Servers {
    /// The processes that were started for them, each the leader of its group.
    pub(crate) pids: Vec<u32>,
    /// Restarts so far, of all of them.
    pub(crate) restarts: u64,
    /// Bytes waiting to be written to them.
    pub(crate) queued_bytes: usize,
    /// Bytes written to them so far.
    pub(crate) written_bytes: u64,
    /// Bytes read from them so far.
    pub(crate) read_bytes: u64,
}

impl Servers {
    /// These and others.
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

/// Servers that are started for their clients, and so are as ready as they can be.
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
