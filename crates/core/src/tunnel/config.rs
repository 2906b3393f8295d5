//! The options of a tunnel. Every limit has its default here, with its reason.

use std::time::Duration;

/// Tunnel server that is used when none is named.
pub const DEFAULT_HOST: &str = "https://tunnel.gla.ma";

/// Which tunnel to open, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Base URL of the tunnel server, `https://tunnel.gla.ma` by default.
    pub host: String,
    /// Subdomain to request; `None` takes the one that the server assigns.
    pub subdomain: Option<String>,
    /// How the tunnel server is reached, by default according to the usual environment variables.
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

/// The outgoing proxy for the registration and the pool.
///
/// The registration goes through `http`, `https` and `socks` proxies. The pool goes through `http`
/// (CONNECT) and `socks5` ones. It connects directly if the proxy is of another kind or refuses:
/// many allow CONNECT to port 443 only.
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
    /// Time limit for the answer to a registration, 30 s by default.
    pub registration_timeout: Duration,
    /// Time limit for setting up a pool connection, 10 s by default.
    pub connect_timeout: Duration,
    /// Age at which a pool connection counts as accepted, 1 s by default: a server that does not
    /// know the tunnel, or has enough connections, drops new ones at once.
    pub settle: Duration,
    /// Age at which an unused pool connection is replaced, 5 min by default. This limits the life
    /// of a connection whose far end has vanished behind a middlebox; a connection in use has no
    /// limit.
    pub idle_limit: Duration,
    /// First delay before a failed attempt is repeated, 1 s by default; it doubles.
    pub retry_first: Duration,
    /// Longest delay before a failed attempt is repeated, 30 s by default.
    pub retry_cap: Duration,
    /// Delay before a subdomain that is in use is requested again, 1.5 s by default: the server
    /// frees it one second after the last connection of its holder, which is often an earlier run
    /// of this program.
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
