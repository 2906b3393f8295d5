//! Replicas of one proxy that serve each other's sessions.

use std::{fmt, path::PathBuf, time::Duration};

use super::{DEFAULT_PEER_PORT, EventStoreConfig};

/// How replicas find each other, and how they prove who they are.
#[derive(Clone, PartialEq)]
pub struct ClusterConfig {
    /// The other replicas' peer ports: `host:port`. A name with several addresses stands for all of
    /// them; this replica's own may be among them.
    pub peers: Vec<String>,
    /// Port for other replicas, 8079 by default; 0 lets the system choose.
    pub port: u16,
    /// Host name or address to listen on for other replicas; `None` uses that of the front.
    pub host: Option<String>,
    /// `host:port` where other replicas reach this one, if it differs from the address of its
    /// connections.
    pub address: Option<String>,
    /// Secrets that only the replicas know: one on each line, of at least 16 bytes. The first one
    /// signs, all of them verify.
    pub secret: String,
    /// Store for sessions, so that replicas can continue each other's; `None` keeps none.
    pub store: Option<StoreConfig>,
}

/// A store that all replicas reach.
#[derive(Clone, PartialEq)]
pub struct StoreConfig {
    /// `redis://`, `rediss://` or `redis+unix://`, with user, password and database.
    pub url: String,
    /// Prefix of all keys, `mcp-proxy` by default.
    pub prefix: String,
    /// Authorities to trust in place of the system's.
    pub ca: Option<PathBuf>,
    /// How long a session is kept after the last write.
    pub kept: Duration,
    /// How many events of a session are kept.
    pub events: EventStoreConfig,
    /// Whether requests wait until the store has their writes.
    pub durability: Durability,
}

/// When a write to the store counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// At once: if a replica is killed, its last writes are lost.
    #[default]
    Async,
    /// When the store has it: a client gets its session, and a server its call, only after that. If
    /// the store does not answer, requests wait for 2 seconds at most.
    Sync,
}

impl ClusterConfig {
    /// Whether a text is the address of a peer port: `host:port`, IPv6 addresses in brackets.
    pub fn is_address(text: &str) -> bool {
        text.rsplit_once(':').is_some_and(|(host, port)| {
            let is_bare = !host.contains(':') || host.starts_with('[') && host.ends_with(']');
            !host.is_empty() && is_bare && port.parse::<u16>().is_ok_and(|port| port > 0)
        })
    }
}

impl StoreConfig {
    /// Schemes of a store's URL.
    pub const SCHEMES: [&'static str; 10] = [
        "redis://",
        "rediss://",
        "redis+unix://",
        "redis+sentinel://",
        "rediss+sentinel://",
        "redis+cluster://",
        "rediss+cluster://",
        "unix://",
        "valkey://",
        "valkeys://",
    ];

    /// Whether a text may be the URL of a store.
    pub fn is_url(text: &str) -> bool {
        Self::SCHEMES.iter().any(|scheme| text.starts_with(scheme))
    }
}

impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            peers: Vec::new(),
            port: DEFAULT_PEER_PORT,
            host: None,
            address: None,
            secret: String::new(),
            store: None,
        }
    }
}

impl fmt::Debug for ClusterConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterConfig")
            .field("peers", &self.peers)
            .field("port", &self.port)
            .field("host", &self.host)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
