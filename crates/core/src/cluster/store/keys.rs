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
        self.of(id, ":s")
    }

    pub(super) fn log(&self, id: Uuid) -> String {
        self.of(id, ":l")
    }

    pub(super) fn calls(&self, id: Uuid) -> String {
        self.of(id, ":c")
    }

    /// A key of a session; made for each batch of its events, so without formatting.
    fn of(&self, id: Uuid, kind: &str) -> String {
        let mut buffer = Uuid::encode_buffer();
        let id = id.hyphenated().encode_lower(&mut buffer);
        [&self.0, ":{", id, "}", kind].concat()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_a_session_have_one_hash_tag() {
        let (keys, id) = (Keys("mcp-proxy".to_owned()), Uuid::from_u128(0xa7));
        let tag = "mcp-proxy:{00000000-0000-0000-0000-0000000000a7}";
        let expected = ["s", "l", "c"].map(|kind| format!("{tag}:{kind}"));
        assert_eq!([keys.session(id), keys.log(id), keys.calls(id)], expected);
        assert_eq!(
            keys.replica(ReplicaId([0, 1, 2, 3, 4, 5, 6, 255])),
            "mcp-proxy:r:00010203040506ff"
        );
    }
}
