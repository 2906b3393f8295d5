//! Replicas of one proxy that serve each other's sessions.

use std::{fmt, path::PathBuf, time::Duration};

use super::{DEFAULT_PEER_PORT, EventStoreConfig};

/// How replicas find each other, and how they know each other.
#[derive(Clone, PartialEq)]
pub struct ClusterConfig {
    /// The other replicas' peer ports: `host:port`. A name that has several addresses stands for
    /// all of them, this replica's own included.
    pub peers: Vec<String>,
    /// Port for other replicas, 8079 by default; 0 lets the system choose.
    pub port: u16,
    /// Host name or address to listen on for other replicas; `None` takes that of the front.
    pub host: Option<String>,
    /// Where other replicas reach this one, if that is not what they see of it: `host:port`.
    pub address: Option<String>,
    /// What all replicas know and nobody else; one secret for each line, of at least 16 bytes. The
    /// first one signs, all of them verify.
    pub secret: String,
    /// Where replicas keep what it takes to go on with each other's sessions; `None` for nothing.
    pub store: Option<StoreConfig>,
}

/// A store that all replicas reach.
#[derive(Clone, PartialEq)]
pub struct StoreConfig {
    /// `redis://`, `rediss://` or `redis+unix://`, with user, password and database.
    pub url: String,
    /// How the names of all keys begin, `mcp-proxy` by default.
    pub prefix: String,
    /// Authorities to trust in place of the system's.
    pub ca: Option<PathBuf>,
    /// How long a session is kept that nobody writes to.
    pub kept: Duration,
    /// How much of what was said in a session is kept.
    pub events: EventStoreConfig,
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
