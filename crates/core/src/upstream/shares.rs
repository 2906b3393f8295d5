//! Keeps one client from using all servers that may run.
//!
//! A client is identified by its identity, or by its address. Clients over loopback or a tunnel
//! cannot be told apart and have no share; then the proxy in front must tell them apart
//! (`--trustProxy`).

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::future::BoxFuture;

use crate::{
    config::{Isolation, Policy, UpstreamConfig},
    host::Caller,
    identity::{Claims, Identity},
    jsonrpc::{Code, ErrorBody, Message},
    relay::{Backend, Client, Connection, Departure, Objection, OpenError, Reply},
    runtime::network::network,
};

/// How many servers each client has.
#[derive(Debug)]
pub(super) struct Shares {
    max_children: usize,
    limit: usize,
    taken: Mutex<HashMap<Whose, usize>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Whose {
    Identity(Identity),
    Address(IpAddr),
}

impl Whose {
    fn of(client: &Client) -> Option<Self> {
        if client.principal.is_one_caller() {
            return Some(Self::Identity(client.principal.clone()));
        }
        let address = client.address?.to_canonical();
        (!address.is_loopback() && !address.is_unspecified())
            .then(|| Self::Address(network(address)))
    }
}

/// One server of a client; returned when dropped.
#[derive(Debug)]
struct Share {
    shares: Arc<Shares>,
    whose: Whose,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.lock();
        if let Some(count) = taken.get_mut(&self.whose) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.whose);
            }
        }
    }
}

impl Shares {
    /// The shares of the servers that may run: a quarter, and at least one server, is left for
    /// others. If an identity has one server for everything, nothing needs to be shared out.
    pub(super) fn of(config: &UpstreamConfig) -> Arc<Self> {
        let max_children = config.max_children;
        let limit = match config.isolation {
            Isolation::Identity => usize::MAX,
            _ => max_children.saturating_sub(max_children.div_ceil(4)).max(1),
        };
        Arc::new(Self { max_children, limit, taken: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Whose, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(self: &Arc<Self>, client: &Client) -> Result<Option<Share>, ErrorBody> {
        let Some(whose) = Whose::of(client) else { return Ok(None) };
        let limit = self.limit;
        let mut taken = self.lock();
        let count = taken.entry(whose.clone()).or_default();
        if *count >= limit {
            let all = self.max_children;
            let message = format!(
                "this client has {limit} of the {all} servers that may run, its share (--maxChildren)"
            );
            return Err(ErrorBody::new(Code::Unavailable, message));
        }
        *count += 1;
        Ok(Some(Share { shares: Arc::clone(self), whose }))
    }
}

/// Servers of which each client gets only its share.
pub(super) struct Shared {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) shares: Arc<Shares>,
}

impl Backend for Shared {
    fn open(&self, client: Client) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>> {
        Box::pin(async move {
            let share = self.shares.take(&client)?;
            let connection = self.backend.open(client).await?;
            let Some(share) = share else { return Ok(connection) };
            let share = Mutex::new(Some(share));
            let connection: Arc<dyn Connection> = Arc::new(Sharing { connection, share });
            Ok(connection)
        })
    }

    fn serves_modern(&self) -> bool {
        self.backend.serves_modern()
    }

    fn end_subscriptions(&self) {
        self.backend.end_subscriptions();
    }

    fn policy(&self) -> Option<Arc<Policy>> {
        self.backend.policy()
    }

    fn objection(&self, request: &Message, claims: Option<&Claims>) -> Option<Objection> {
        self.backend.objection(request, claims)
    }

    fn lists_differ(&self) -> bool {
        self.backend.lists_differ()
    }
}

/// A connection that counts for a share.
struct Sharing {
    connection: Arc<dyn Connection>,
    share: Mutex<Option<Share>>,
}

impl fmt::Debug for Sharing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sharing").field(&self.connection).finish()
    }
}

impl Connection for Sharing {
    fn send(
        &self,
        message: Message,
        reply: Option<Reply>,
        caller: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        self.connection.send(message, reply, caller)
    }

    fn inner(&self) -> Option<&dyn Connection> {
        Some(&*self.connection)
    }

    fn depart(&self, how: Departure) {
        self.connection.depart(how);
        let share = self.share.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(share);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(max_children: usize) -> Arc<Shares> {
        let command = crate::config::CommandConfig::new("c");
        let isolation = Isolation::Session;
        Shares::of(&UpstreamConfig { isolation, max_children, ..UpstreamConfig::new(command) })
    }

    fn client(subject: Option<&str>, address: &str) -> Client {
        let principal = subject.map(Identity::named).unwrap_or_default();
        Client { principal, address: Some(address.parse().unwrap()), ..Client::default() }
    }

    #[test]
    fn a_client_leaves_a_quarter_to_others() {
        for (all, own) in [(1, 1), (2, 1), (3, 2), (4, 3), (128, 96)] {
            let shares = shares(all);
            for client in [client(None, "10.0.0.1"), client(Some("me"), "127.0.0.1")] {
                let taken: Vec<_> = (0..all).filter_map(|_| shares.take(&client).ok()).collect();
                assert_eq!(taken.len(), own, "{all}");
                assert_eq!(shares.take(&client).unwrap_err().code, Code::Unavailable);
                drop(taken);
                assert!(shares.take(&client).is_ok());
            }
            assert!(shares.lock().is_empty());
        }
    }

    #[test]
    fn clients_are_told_apart_or_not_at_all() {
        let shares = shares(2);
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|address| client(None, address));
        let _held = shares.take(&one).unwrap();
        assert!(shares.take(&one).is_err() && shares.take(&other).is_ok());
        let [network, same] = ["2001:db8::1", "2001:db8::2:3"].map(|address| client(None, address));
        let _network = shares.take(&network).unwrap();
        assert!(shares.take(&same).is_err(), "one network of 64 bits is one client");
        for nobody in
            [client(None, "127.0.0.1"), client(None, "::ffff:127.0.0.1"), Client::default()]
        {
            assert!(shares.take(&nobody).unwrap().is_none());
        }
    }
}
