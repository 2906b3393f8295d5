//! Typed configuration: options after they were parsed and validated.
//!
//! The skins (command line, Node addon) parse and validate what users write and fill these structs;
//! the core moves each part to the code that uses it. Every default is defined here, once.

mod access;
mod auth;
mod cluster;
mod command;
mod defaults;
mod events;
mod fleet;
mod http;
mod metrics;
pub(crate) mod names;
mod policy;
mod proxies;
mod remote;
mod rules;
mod secret;
mod upstream;
mod watch;

pub use access::{AuthConfig, CorsConfig, CorsOrigin, OAuthChallenge};
pub use auth::{AuthPreset, ResourceServerConfig};
pub use cluster::{ClusterConfig, Durability, StoreConfig};
pub use command::{ChildStderr, CommandConfig};
pub use defaults::{
    DEFAULT_ALLOWED_HEADERS, DEFAULT_BODY_TIMEOUT, DEFAULT_CONNECTION_TIMEOUT,
    DEFAULT_EVENT_STORE_MAX_BYTES, DEFAULT_EVENT_STORE_MAX_EVENTS,
    DEFAULT_GRACEFUL_SHUTDOWN_TIMEOUT, DEFAULT_HEADER_TIMEOUT, DEFAULT_HOST,
    DEFAULT_KEEP_ALIVE_TIMEOUT, DEFAULT_MAX_BODY_SIZE, DEFAULT_MAX_BUFFERED, DEFAULT_MAX_CHILDREN,
    DEFAULT_MAX_CONNECTIONS, DEFAULT_MAX_IN_FLIGHT, DEFAULT_MAX_LINE_SIZE, DEFAULT_MAX_RESTARTS,
    DEFAULT_MAX_SESSIONS, DEFAULT_METRICS_HOST, DEFAULT_PEER_PORT, DEFAULT_PING_TIMEOUT,
    DEFAULT_PORT, DEFAULT_RECORD_MAX_FILES, DEFAULT_RECORD_MAX_SIZE, DEFAULT_REQUEST_TIMEOUT,
    DEFAULT_RESTART_WAIT, DEFAULT_RETRY_INTERVAL, DEFAULT_SESSION_IDLE_TIMEOUT,
    DEFAULT_SSE_ENDPOINT, DEFAULT_STORE_PREFIX, DEFAULT_STREAM_ENDPOINT, DEFAULT_WRITE_TIMEOUT,
    MIN_PEER_SECRET, default_write_timeout,
};
pub use events::EventStoreConfig;
pub use fleet::{FleetConfig, GroupConfig, ServerConfig};
pub use http::{AllowedHosts, HttpConfig, TlsConfig, is_reference};
pub use metrics::{MetricsConfig, MetricsListenerConfig};
pub use names::{prefix, segment};
pub use policy::{Claims, Policy, Rate, ToolPolicy};
pub use proxies::{InvalidNetwork, TrustedProxies};
pub use remote::{
    CallbackConfig, CallbackHost, IdentityProvider, OAuthConfig, OAuthGrant, PresentedToken,
    RemoteConfig, RemoteTransport, ResourceParameter, TokenStore,
};
pub use rules::{Filter, Pattern, Rules, ToolRules};
pub use secret::Secret;
pub use upstream::{
    Isolation, PingConfig, RestartConfig, RestartWhen, UpstreamConfig, UpstreamProtocol,
};
pub use watch::{InspectConfig, RecordingConfig, RedactionConfig};

use std::time::Duration;

/// Everything a proxy needs: one HTTP front and the server behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct ProxyConfig {
    /// The front that clients connect to.
    pub http: HttpConfig,
    /// The server that is proxied.
    pub upstream: Upstream,
    /// Time limit of a graceful shutdown, 5 s by default; then the rest is aborted.
    pub graceful_shutdown_timeout: Duration,
    /// Prometheus metrics; off by default.
    pub metrics: MetricsConfig,
    /// What callers may do with the server. Everything by default.
    pub policy: Policy,
    /// Which tools, prompts and resources of the server are served; all of them by default.
    pub rules: Rules,
}

/// The server behind the proxy.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Upstream {
    /// A child process.
    Command(Box<UpstreamConfig>),
    /// Another machine, or another process that serves HTTP.
    Remote(Box<RemoteConfig>),
}

impl From<UpstreamConfig> for Upstream {
    fn from(config: UpstreamConfig) -> Self {
        Self::Command(Box::new(config))
    }
}

impl From<RemoteConfig> for Upstream {
    fn from(config: RemoteConfig) -> Self {
        Self::Remote(Box::new(config))
    }
}
