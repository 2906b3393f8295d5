//! What a tunnel is opened with. Every limit has its default here, with the reason beside it.

use std::time::Duration;

/// Tunnel server that is used when none is named.
pub const DEFAULT_HOST: &str = "https://tunnel.gla.ma";

/// What to open, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Base URL of the tunnel server, `https://tunnel.gla.ma` by default.
    pub host: String,
    /// Subdomain to ask for; `None` takes what the server gives.
    pub subdomain: Option<String>,
    /// How the tunnel server is reached, by the usual environment variables by default.
    pub proxy: Proxy,
    /// Timeouts and retry delays.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: DEFAULT_HOST.to_owned(),
            subdomain: None,
            proxy: Proxy::default(),
            limits: Limits::default(),
        }
    }
}

/// The outgoing proxy of the registration and of the pool.
///
/// The registration goes through `http`, `https` and `socks` proxies. The pool goes through
/// `http` (CONNECT) and `socks5` ones, and connects directly where the proxy is of another kind or
/// does not let it through: many allow CONNECT to port 443 only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Proxy {
    /// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, as curl reads them.
    #[default]
    Environment,
    /// No proxy, whatever the environment says.
    Direct,
    /// This one for everything, for example `http://user:password@proxy:3128`.
    Url(String),
}

/// Timeouts and retry delays of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest wait for the answer to a registration, 30 s by default.
    pub registration_timeout: Duration,
    /// Longest wait for a pool connection to be set up, 10 s by default.
    pub connect_timeout: Duration,
    /// Age at which a pool connection counts as accepted, 1 s by default: a server that does not
    /// know the tunnel, or has enough connections, drops new ones at once.
    pub settle: Duration,
    /// Age at which a pool connection that was never used is replaced, 5 min by default. It bounds
    /// the life of one whose far end vanished behind a middlebox; a connection in use has no limit.
    pub idle_limit: Duration,
    /// First delay before something that failed is tried again, 1 s by default; it doubles.
    pub retry_first: Duration,
    /// Longest delay before something that failed is tried again, 30 s by default.
    pub retry_cap: Duration,
    /// Delay before a subdomain that is taken is asked for again, 1.5 s by default: the server
    /// frees one a second after the last connection of its holder, often this program restarted.
    pub reclaim_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            registration_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            settle: Duration::from_secs(1),
            idle_limit: Duration::from_mins(5),
            retry_first: Duration::from_secs(1),
            retry_cap: Duration::from_secs(30),
            reclaim_wait: Duration::from_millis(1500),
        }
    }
}
