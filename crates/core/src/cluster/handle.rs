//! What the rest of the proxy uses to reach the other replicas.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use tokio::{sync::watch, time::Instant};
use uuid::Uuid;

use super::{
    names::Names,
    peers::{
        Answer, Counts, Keeper, Link, Outbound, Own, Roster, Secure, Unforwarded, Unmet, Unreached,
    },
    proof::{Prover, Reachable},
    replica::ReplicaId,
    secrets::Secrets,
    store::Store,
};
use crate::{config::ClusterConfig, error::Error, metrics::Replicas, runtime::lock::Mutex};

/// Interval between two warnings about refused connections.
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
    store: Option<Arc<Store>>,
    /// Which replica had a session when the store was last asked.
    pub(super) seen: Mutex<HashMap<Uuid, (ReplicaId, Instant)>>,
    /// Sessions that are being taken over.
    pub(super) taking: Mutex<HashMap<Uuid, watch::Receiver<()>>>,
    /// When a refused connection was last logged.
    said: Mutex<Option<Instant>>,
}

impl Cluster {
    /// This replica, which listens for others at `address`.
    pub(crate) fn new(config: &ClusterConfig, address: SocketAddr) -> Result<Arc<Self>, Error> {
        let address_of = address;
        let failed = |problem: String| Error::Cluster(problem);
        let secrets = Secrets::parse(&config.secret)
            .map_err(|bad| failed(format!("the peer secret (--peerSecret): {bad}")))?;
        let nothing_random = || failed("the system provides no random numbers".to_owned());
        let id = ReplicaId::random().ok_or_else(nothing_random)?;
        let names = Arc::new(Names::new(id, &secrets).ok_or_else(nothing_random)?);
        let reachable = Reachable { port: address.port(), address: config.address.clone() };
        let store = config.store.as_ref().map(|store| {
            let address = config.address.clone();
            let address = address.unwrap_or_else(|| seen_from(&store.url, address_of));
            Store::open(store, id, address, &secrets)
        });
        let store = store.transpose()?;
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
            store,
            seen: Mutex::default(),
            taking: Mutex::default(),
            said: Mutex::default(),
        }))
    }

    /// The store, if one is configured.
    pub(crate) fn store(&self) -> Option<&Arc<Store>> {
        self.store.as_ref()
    }

    /// Fails with a sentence if a store is configured and cannot be used.
    pub(crate) async fn check_store(&self) -> Result<(), Error> {
        match &self.store {
            Some(store) => store.check().await,
            None => Ok(()),
        }
    }

    pub(super) fn roster(&self) -> &Roster {
        &self.roster
    }

    pub(super) fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    /// This replica.
    pub(crate) fn id(&self) -> ReplicaId {
        self.own.id
    }

    /// Gives names to the sessions and calls of this replica.
    pub(crate) fn names(&self) -> &Arc<Names> {
        &self.names
    }

    /// The way to a replica.
    pub(crate) async fn reach(&self, owner: ReplicaId) -> Result<Link, Unreached> {
        let reached = self.roster.reach(owner).await;
        if reached.is_err() {
            self.count_unreached();
        }
        reached
    }

    pub(super) fn count_unreached(&self) {
        self.unreached.fetch_add(1, Ordering::Relaxed);
    }

    /// Forwards a request; returns the response, which streams.
    pub(crate) fn forward(
        &self,
        link: Link,
        request: Request<Outbound>,
    ) -> impl Future<Output = Result<Response<Answer>, Unforwarded>> + Send + use<> {
        self.forwarded.fetch_add(1, Ordering::Relaxed);
        link.send(request)
    }

    /// Another replica has forwarded a request to this one.
    pub(crate) fn count_received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    /// The counters, and how many replicas are connected and missing.
    pub(crate) fn levels(&self) -> Replicas {
        let Counts { connected, missing } = self.roster.counts();
        Replicas {
            connected: connected as u64,
            missing: missing as u64,
            forwarded: self.forwarded.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
            unreached: self.unreached.load(Ordering::Relaxed),
            store: self.store.as_ref().map(|store| store.levels()),
        }
    }

    /// A connection was refused. Its other end will retry, so not each refusal is a warning.
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

    /// This replica is about to end: the others may take its sessions.
    pub(crate) async fn leave(&self, grace: Duration) {
        if let Some(store) = &self.store {
            store.close(grace).await;
        }
    }

    pub(super) async fn close(&self) {
        self.keeper.close().await;
    }
}

/// The address at which others reach a port of this replica. If it listens on all interfaces, the
/// address of the one that reaches the store.
fn seen_from(store: &str, listens: SocketAddr) -> String {
    let ip = if listens.ip().is_unspecified() {
        outer_address(store).unwrap_or(IpAddr::from([127, 0, 0, 1]))
    } else {
        listens.ip()
    };
    SocketAddr::new(ip.to_canonical(), listens.port()).to_string()
}

fn outer_address(store: &str) -> Option<IpAddr> {
    let rest = store.split_once("://")?.1;
    let authority = rest.split(['/', '?']).next()?;
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    let host = hosts.split(',').next()?;
    let with_port = if host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
        host.to_owned()
    } else {
        format!("{host}:6379")
    };
    let target = std::net::ToSocketAddrs::to_socket_addrs(&with_port).ok()?.next()?;
    let any: IpAddr = if target.is_ipv6() {
        std::net::Ipv6Addr::UNSPECIFIED.into()
    } else {
        std::net::Ipv4Addr::UNSPECIFIED.into()
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(target).ok()?;
    Some(socket.local_addr().ok()?.ip())
}
