//! Identities of replicas.

use std::fmt;

use ring::rand::{SecureRandom, SystemRandom};

/// Bytes of a replica's id.
pub(crate) const REPLICA_ID: usize = 8;

/// One run of one replica. It is random, so a restarted replica is another one and has none of the
/// sessions of its predecessor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ReplicaId(pub(crate) [u8; REPLICA_ID]);

impl ReplicaId {
    /// `None` if the system provides no random numbers.
    pub(crate) fn random() -> Option<Self> {
        let mut id = [0; REPLICA_ID];
        SystemRandom::new().fill(&mut id).ok()?;
        Some(Self(id))
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplicaId({self})")
    }
}
