//! The names of what is in the store, and a lease as it is stored.

use std::time::Duration;

use uuid::Uuid;

use crate::cluster::{directory::Lease, replica::ReplicaId};

/// How long an owner may go without a sign of life.
pub(crate) const LEASE: Duration = Duration::from_secs(10);

/// Why the store did not answer.
pub(crate) type StoreError = redis::RedisError;

/// Names of the keys in the store. All keys of a session have one hash tag.
#[derive(Clone, Debug)]
pub(super) struct Keys(pub(super) String);

impl Keys {
    pub(super) fn session(&self, id: Uuid) -> String {
        format!("{}:{{{id}}}:s", self.0)
    }

    pub(super) fn log(&self, id: Uuid) -> String {
        format!("{}:{{{id}}}:l", self.0)
    }

    pub(super) fn calls(&self, id: Uuid) -> String {
        format!("{}:{{{id}}}:c", self.0)
    }

    pub(super) fn rate(&self, rate: u64) -> String {
        format!("{}:q:{rate:016x}", self.0)
    }

    pub(super) fn replica(&self, id: ReplicaId) -> String {
        format!("{}:r:{id}", self.0)
    }
}

/// A lease as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Leased {
    pub(crate) lease: Lease,
    /// Where its owner can be dialled, if it has given a sign of life in time.
    pub(crate) address: Option<String>,
}
