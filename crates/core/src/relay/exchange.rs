//! Requests under way to an upstream, by the id the proxy gave them.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    time::Duration,
};

use tokio::time::Instant;

use super::Reply;

/// One client's connection to the shared upstream.
pub(super) type MemberId = u64;

/// A request that the upstream owes an answer.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) purpose: Purpose,
    pub(super) last_sign: Instant,
}

/// What the answer is for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// A client's call.
    Call { member: MemberId, reply: Reply },
    /// The proxy's own `resources/subscribe` or `resources/unsubscribe`.
    Subscription { uri: String },
    /// A request whose answer nobody waits for.
    Housekeeping,
}

/// The table of exchanges. Ids ascend and are never given twice.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    next: u64,
    table: HashMap<u64, Exchange, BuildHasherDefault<Identity>>,
}

impl Exchanges {
    /// Ids start after those of the handshake.
    pub(super) fn starting_at(next: u64) -> Self {
        Self { next, table: HashMap::default() }
    }

    /// The id that the next exchange will get.
    pub(super) fn next_id(&self) -> u64 {
        self.next
    }

    pub(super) fn insert(&mut self, purpose: Purpose) {
        self.table.insert(self.next, Exchange { purpose, last_sign: Instant::now() });
        self.next += 1;
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Exchange> {
        self.table.remove(&id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The reply of a running call, which has just shown a sign of life.
    pub(super) fn touch(&mut self, id: u64) -> Option<&Reply> {
        let exchange = self.table.get_mut(&id)?;
        exchange.last_sign = Instant::now();
        match &exchange.purpose {
            Purpose::Call { reply, .. } => Some(reply),
            _ => None,
        }
    }

    /// The upstream's id for a client's call.
    pub(super) fn find(&self, client: MemberId, id: &[u8]) -> Option<u64> {
        let of_client = |exchange: &Exchange| {
            matches!(&exchange.purpose,
                Purpose::Call { member, reply } if *member == client && reply.id() == id)
        };
        self.table.iter().find(|(_, exchange)| of_client(exchange)).map(|(id, _)| *id)
    }

    /// Removes all calls of a client.
    pub(super) fn remove_member(&mut self, client: MemberId) -> Vec<(u64, Exchange)> {
        self.remove_where(|exchange| {
            matches!(&exchange.purpose, Purpose::Call { member, .. } if *member == client)
        })
    }

    /// Removes what has been silent for longer than `timeout`.
    pub(super) fn remove_silent(&mut self, timeout: Duration) -> Vec<(u64, Exchange)> {
        let now = Instant::now();
        self.remove_where(|exchange| now.duration_since(exchange.last_sign) >= timeout)
    }

    fn remove_where(
        &mut self,
        mut matching: impl FnMut(&Exchange) -> bool,
    ) -> Vec<(u64, Exchange)> {
        self.table.extract_if(|_, exchange| matching(exchange)).collect()
    }

    /// Removes everything.
    pub(super) fn take(&mut self) -> Vec<Exchange> {
        self.table.drain().map(|(_, exchange)| exchange).collect()
    }
}

/// Our own ascending ids spread well enough as they are.
#[derive(Debug, Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        // hashbrown takes the top seven bits for its tags.
        self.0 = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
