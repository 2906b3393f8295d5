//! Many servers behind one port.

use std::time::Duration;

use super::{
    DEFAULT_GRACEFUL_SHUTDOWN_TIMEOUT, HttpConfig, MetricsConfig, Policy, Rules, Upstream,
};

/// Many servers behind one port: each at a path of its own, all of them merged, and groups of them.
#[derive(Clone, Debug, PartialEq)]
pub struct FleetConfig {
    /// The port, and the paths of the merged endpoint.
    pub http: HttpConfig,
    /// Prometheus metrics; off by default.
    pub metrics: MetricsConfig,
    /// Time limit of a shutdown, and of the calls of a server that is removed or replaced; 5 s by
    /// default.
    pub graceful_shutdown_timeout: Duration,
    /// In the order of the file; no name appears twice.
    pub servers: Vec<ServerConfig>,
    /// Groups of servers, each with a name.
    pub groups: Vec<GroupConfig>,
}

impl Default for FleetConfig {
    fn default() -> Self {
        Self {
            http: HttpConfig::default(),
            metrics: MetricsConfig::default(),
            graceful_shutdown_timeout: DEFAULT_GRACEFUL_SHUTDOWN_TIMEOUT,
            servers: Vec::new(),
            groups: Vec::new(),
        }
    }
}

impl FleetConfig {
    /// The servers that are switched on.
    pub fn enabled(&self) -> impl Iterator<Item = &ServerConfig> {
        self.servers.iter().filter(|server| server.enabled)
    }
}

/// One of many servers.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerConfig {
    /// Its name in paths, logs and metrics.
    pub name: String,
    /// The server itself, or a sentence that says why it cannot be served.
    pub upstream: Result<Upstream, String>,
    /// Whether it is served.
    pub enabled: bool,
    /// Which of its tools, prompts and resources are served.
    pub rules: Rules,
    /// Rules for its callers.
    pub policy: Policy,
    /// Whether the proxy is ready only while this server is up.
    pub required: bool,
    /// Whether it is started only when a client first needs it.
    pub lazy: bool,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            upstream: Err("it has no command and no URL".to_owned()),
            enabled: true,
            rules: Rules::default(),
            policy: Policy::default(),
            required: false,
            lazy: false,
        }
    }
}

/// A name for some of the servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// Its name in paths.
    pub name: String,
    /// Names of servers, in the order of the file.
    pub servers: Vec<String>,
}
