//! Replicas of one proxy that serve each other's sessions.

use std::fmt;

use super::DEFAULT_PEER_PORT;

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
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            peers: Vec::new(),
            port: DEFAULT_PEER_PORT,
            host: None,
            address: None,
            secret: String::new(),
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
