//! What the rest of the proxy has of the other replicas.

use std::{
    net::SocketAddr,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::{
    forwarding::{self, Outbound, Unforwarded},
    names::Names,
    peers::{Counts, Keeper, Link, Own, Roster, Secure, Unmet, Unreached},
    proof::{Prover, Reachable},
    replica::ReplicaId,
    secrets::Secrets,
};
use crate::{config::ClusterConfig, error::Error, metrics::Replicas, runtime::lock::Mutex};

/// When it is said again that somebody is not let in.
const SAID_AGAIN: Duration = Duration::from_mins(1);

/// See the module.
#[derive(Debug)]
pub(crate) struct Cluster {
    names: Arc<Names>,
    own: Own,
    roster: Arc<Roster>,
    keeper: Keeper,
    secure: Secure,
    peers: Vec<String>,
    forwarded: AtomicU64,
    received: AtomicU64,
    unreached: AtomicU64,
    /// When it was last said that somebody is not let in.
    said: Mutex<Option<Instant>>,
}

impl Cluster {
    /// This replica, which listens for others at `address`.
    pub(crate) fn new(config: &ClusterConfig, address: SocketAddr) -> Result<Arc<Self>, Error> {
        let failed = |problem: String| Error::Cluster(problem);
        let secrets = Secrets::parse(&config.secret)
            .map_err(|bad| failed(format!("the peer secret (--peerSecret): {bad}")))?;
        let nothing_random = || failed("the system has no random numbers".to_owned());
        let id = ReplicaId::random().ok_or_else(nothing_random)?;
        let names = Arc::new(Names::new(id, &secrets).ok_or_else(nothing_random)?);
        let reachable = Reachable { port: address.port(), address: config.address.clone() };
        let own = Own { id, prover: Prover::new(&secrets), reachable };
        let (secure, roster) = (Secure::new().map_err(failed)?, Roster::new(id));
        let keeper = Keeper::new(own.clone(), secure.clone(), Arc::clone(&roster));
        let peers = config.peers.clone();
        let (forwarded, received, unreached) = Default::default();
        Ok(Arc::new(Self {
            names,
            own,
            roster,
            keeper,
            secure,
            peers,
            forwarded,
            received,
            unreached,
            said: Mutex::default(),
        }))
    }

    /// What gives names to what is here.
    pub(crate) fn names(&self) -> &Arc<Names> {
        &self.names
    }

    /// The way to a replica.
    pub(crate) async fn reach(&self, owner: ReplicaId) -> Result<Link, Unreached> {
        let reached = self.roster.reach(owner).await;
        if reached.is_err() {
            self.unreached.fetch_add(1, Ordering::Relaxed);
        }
        reached
    }

    /// Hands a request over; the response, as it comes.
    pub(crate) async fn forward(
        &self,
        owner: ReplicaId,
        link: Link,
        request: Request<Outbound>,
    ) -> Result<Response<Incoming>, Unforwarded> {
        self.forwarded.fetch_add(1, Ordering::Relaxed);
        forwarding::forward(&self.roster, owner, link, request).await
    }

    /// Another replica has handed a request over.
    pub(crate) fn count_received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    /// What was counted, and what there is.
    pub(crate) fn levels(&self) -> Replicas {
        let Counts { connected, missing } = self.roster.counts();
        Replicas {
            connected: connected as u64,
            missing: missing as u64,
            forwarded: self.forwarded.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
            unreached: self.unreached.load(Ordering::Relaxed),
        }
    }

    /// Somebody was not let in; he will come again, and not everything has to be said.
    pub(super) fn say_refused(&self, peer: SocketAddr, unmet: &Unmet) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_some_and(|said| said.elapsed() < SAID_AGAIN) {
            tracing::debug!(%peer, "a connection to the peer port was refused: {unmet}");
            return;
        }
        *said = Some(Instant::now());
        tracing::warn!(%peer, "a connection to the peer port was refused: {unmet}");
    }

    pub(super) fn own(&self) -> &Own {
        &self.own
    }

    pub(super) fn secure(&self) -> &Secure {
        &self.secure
    }

    pub(super) fn look_for_peers(&self) {
        self.keeper.look_for(&self.peers);
    }

    pub(super) fn introduce(&self, id: ReplicaId, host: &str, reachable: Reachable) {
        self.keeper.introduce(id, host, reachable);
    }

    pub(super) async fn close(&self) {
        self.keeper.close().await;
    }
}
