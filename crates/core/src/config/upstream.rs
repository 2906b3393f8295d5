//! A server that is a child process: who shares it, its time limits, what happens when it ends.

use std::time::Duration;

use super::{
    CommandConfig, DEFAULT_CONNECTION_TIMEOUT, DEFAULT_MAX_CHILDREN, DEFAULT_MAX_RESTARTS,
    DEFAULT_REQUEST_TIMEOUT, DEFAULT_RESTART_WAIT, DEFAULT_RETRY_INTERVAL,
};

/// A server that is a child process, and how it is spoken to.
#[derive(Clone, Debug, PartialEq)]
pub struct UpstreamConfig {
    /// The child process.
    pub command: CommandConfig,
    /// Protocol era spoken to it.
    pub protocol: UpstreamProtocol,
    /// Time it has to answer the handshake, 60 s by default.
    pub connection_timeout: Duration,
    /// Time a call may go without an answer or progress, 300 s by default; `None` sets no limit.
    pub request_timeout: Option<Duration>,
    /// Time a call may take regardless of progress; `None`, the default, sets no limit.
    pub max_request_time: Option<Duration>,
    /// What happens when the server ends.
    pub restart: RestartConfig,
    /// Pings that tell a hung server from a busy one; `None`, the default, sends none.
    pub ping: Option<PingConfig>,
    /// Open the port before the server has answered the handshake. Off by default.
    pub listen_early: bool,
    /// Which clients share a server.
    pub isolation: Isolation,
    /// Most servers that run at a time if they are not shared, 128 by default.
    pub max_children: usize,
    /// Servers that are started before clients need them, none by default.
    pub prewarm: usize,
    /// Idle time after which a server that is not shared is stopped while its session continues;
    /// `None`, the default, keeps it as long as the session.
    pub child_idle_timeout: Option<Duration>,
}

impl UpstreamConfig {
    /// The defaults, for this command.
    pub fn new(command: CommandConfig) -> Self {
        Self {
            command,
            protocol: UpstreamProtocol::Legacy,
            connection_timeout: DEFAULT_CONNECTION_TIMEOUT,
            request_timeout: Some(DEFAULT_REQUEST_TIMEOUT),
            max_request_time: None,
            restart: RestartConfig::default(),
            ping: None,
            listen_early: false,
            isolation: Isolation::default(),
            max_children: DEFAULT_MAX_CHILDREN,
            prewarm: 0,
            child_idle_timeout: None,
        }
    }
}

/// Whether and how a server that has ended is started again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RestartConfig {
    /// Which ends lead to a restart.
    pub when: RestartWhen,
    /// Failed restarts in a row after which the proxy stops restarting, 10 by default; the count
    /// starts over once a server has served for a while. `None` never stops.
    pub max_restarts: Option<u32>,
    /// Time a call waits if it arrives meanwhile, 10 s by default.
    pub wait: Duration,
    /// Time between attempts after those, 60 s by default; `None` makes no more.
    pub retry: Option<Duration>,
}

impl Default for RestartConfig {
    fn default() -> Self {
        Self {
            when: RestartWhen::default(),
            max_restarts: Some(DEFAULT_MAX_RESTARTS),
            wait: DEFAULT_RESTART_WAIT,
            retry: Some(DEFAULT_RETRY_INTERVAL),
        }
    }
}

/// After which ends a server is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestartWhen {
    /// After every end but an exit with code 0.
    #[default]
    OnFailure,
    /// After every end.
    Always,
    /// Never.
    Never,
}

/// Pings to the server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PingConfig {
    /// Time between an answer and the next ping.
    pub interval: Duration,
    /// Time an answer may take before the server is restarted.
    pub timeout: Duration,
}

/// Which clients share a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isolation {
    /// All clients.
    #[default]
    Shared,
    /// No client: each session has a server of its own, and so has each request without a session.
    Session,
    /// Clients of one identity: each identity has a server of its own for all its sessions and
    /// requests.
    Identity,
    /// As [`Self::Session`], except that a request without a session never reuses the server of an
    /// earlier one. The requests of a session still share one server.
    Request,
}

/// Which revisions the proxy offers to its server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpstreamProtocol {
    /// The `initialize` handshake of the 2025-era revisions.
    #[default]
    Legacy,
    /// Probe for 2026-07-28 and fall back to the handshake.
    Auto,
    /// 2026-07-28 only.
    Modern,
}
