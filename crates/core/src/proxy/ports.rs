//! The ports of a front: its own, that for metrics, and the entrance of a tunnel.
//!
//! They do not depend on what is served.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::net::TcpStream;

use crate::{
    cluster::{Cluster, PeerPort},
    config::{ClusterConfig, HttpConfig, MetricsConfig, MetricsListenerConfig, Policy},
    downstream::http::{
        Behind, Common, Entrance, Lifetime, Limits, Listener, Meter, Mount, Paths, Patience, Port,
        Routes, Sharing, SidePort,
    },
    error::Error,
    host::Host,
    identity::{Bearer, resource_server::Outside},
    metrics::Metrics,
    relay::{Backend, Entitled, Readiness},
    runtime::seats::Seats,
    tls::Tls,
    tunnel::{self, LocalServer, Tunnel},
};

/// How long running requests may continue after the front was told to stop.
pub(crate) const CONNECTION_GRACE: Duration = Duration::from_secs(1);

/// Open ports.
#[derive(Debug)]
pub(crate) struct Ports {
    listener: Listener,
    port: Arc<Port>,
    bearer: Mutex<Option<Arc<Bearer>>>,
    metrics: Option<SidePort>,
    peers: Option<PeerPort>,
}

/// An open port for other replicas that does not serve yet.
struct Peers {
    socket: TcpListener,
    cluster: Arc<Cluster>,
    failed: Box<dyn FnOnce(io::Error) -> Error + Send>,
}

impl Peers {
    fn open(config: &HttpConfig, cluster: &ClusterConfig) -> Result<Self, Error> {
        let flag = "--peerPort";
        let (host, port) = (cluster.host.as_ref().unwrap_or(&config.host).clone(), cluster.port);
        let socket = Listener::bind(&host, port, flag)?;
        let failed = move |source| Error::Listen { host, port, flag, source };
        match socket.local_addr() {
            Ok(address) => {
                let cluster = Cluster::new(cluster, address)?;
                Ok(Self { socket, cluster, failed: Box::new(failed) })
            }
            Err(source) => Err(failed(source)),
        }
    }

    fn serve(self, port: &Arc<Port>) -> Result<PeerPort, Error> {
        PeerPort::start(self.socket, &self.cluster, Arc::clone(port)).map_err(self.failed)
    }
}

/// Makes the endpoints from the shared state.
type Mounting = Box<dyn FnOnce(&HttpConfig, &Arc<Common>) -> Routes + Send>;

/// What is served, and the host that answers questions about requests.
pub(crate) struct Served {
    /// Makes the endpoints from the state that all of them share.
    pub(crate) routes: Mounting,
    pub(crate) readiness: Arc<dyn Readiness>,
    pub(crate) host: Option<Arc<dyn Host>>,
}

impl Served {
    /// One backend, under the paths of a proxy that has one.
    pub(crate) fn one(
        backend: Arc<dyn Backend>,
        policy: Policy,
        readiness: Arc<dyn Readiness>,
        host: Option<Arc<dyn Host>>,
    ) -> Self {
        let routes = |config: &HttpConfig, common: &Arc<Common>| {
            // If callers are known, a client's own claim about its identity is removed.
            let backend = if config.asks_who_calls() || !policy.is_empty() {
                Entitled::around(backend, policy, common.exchange(""))
            } else {
                backend
            };
            Routes::new(vec![Mount::new(config, Paths::of(config), backend, Arc::clone(common))])
        };
        Self { routes: Box::new(routes), readiness, host }
    }
}

struct TunnelEntrance(Entrance);

impl LocalServer for TunnelEntrance {
    async fn serve(&self, connection: TcpStream) {
        self.0.serve_one(connection).await;
    }
}

/// Looks for what would keep a proxy from verifying tokens as it is configured; fetches nothing.
///
/// # Errors
/// The proxy would not start with this configuration.
pub fn check_auth(config: &HttpConfig) -> Result<(), Error> {
    bearer(config, config.port).map(drop)
}

/// Checks tokens, if any are accepted on this port.
pub(super) fn bearer(config: &HttpConfig, port: u16) -> Result<Option<Bearer>, Error> {
    let Some(tokens) = &config.auth.resource_server else { return Ok(None) };
    let place = (config.host.as_str(), port);
    let outside = Outside::of(tokens.public_url.as_deref(), place, config.tls.is_some())?;
    Bearer::of(&config.auth, outside)
}

impl Ports {
    /// Opens them and serves; needs a runtime.
    pub(crate) fn open(
        config: &HttpConfig,
        metrics: &MetricsConfig,
        served: Served,
    ) -> Result<Self, Error> {
        let tls = config.tls.clone().map(Tls::new).transpose()?;
        let (host, port) = (config.host.clone(), config.port);
        let sharing = if config.shares_port { Sharing::Shared } else { Sharing::Alone };
        let socket = Listener::bind_as(&host, port, "--port", sharing)?;
        let address = socket.local_addr().map_err(|source| Error::Listen {
            host: host.clone(),
            port,
            flag: "--port",
            source,
        })?;
        let bearer = bearer(config, address.port())?.map(Arc::new);
        let peers =
            config.cluster.as_ref().map(|cluster| Peers::open(config, cluster)).transpose()?;
        let connections = Seats::new(config.max_connections);
        let limits = Limits {
            patience: Patience {
                head: config.header_timeout,
                idle: config.keep_alive_timeout,
                write: config.write_timeout,
            },
            connections: Arc::clone(&connections),
            lifetime: Lifetime {
                age: config.max_connection_age,
                requests: config.max_connection_requests,
            },
        };
        let behind = Behind {
            readiness: served.readiness,
            connections,
            metrics: metrics.is_on().then(Arc::<Metrics>::default),
            shows_metrics: metrics.on_front,
            host: served.host,
            bearer: bearer.clone(),
            cluster: peers.as_ref().map(|peers| Arc::clone(&peers.cluster)),
        };
        if let Some(bearer) = &behind.bearer {
            bearer.prepare();
        }
        let through = Arc::new(Port::new(config, behind));
        through.exchange((served.routes)(config, through.common()));
        let metrics = metrics.listener.as_ref();
        let metrics = metrics.map(|MetricsListenerConfig { host, port }| {
            let allowed = config.allowed_hosts.clone();
            SidePort::open((host, *port), "--metricsPort", through.admin(), allowed)
        });
        let metrics = metrics.transpose()?;
        let failed = |source| Error::Listen { host, port, flag: "--port", source };
        let port = Arc::clone(&through);
        let peers = peers.map(|peers| peers.serve(&port)).transpose()?;
        let listener = Listener::start(socket, tls, limits, through).map_err(failed)?;
        Ok(Self { listener, port, bearer: Mutex::new(bearer), metrics, peers })
    }

    /// Serves the requests.
    pub(crate) fn port(&self) -> &Arc<Port> {
        &self.port
    }

    /// Applies this configuration to requests from now on, except for what cannot change while the
    /// port is open; fails without a change if that is impossible.
    pub(crate) fn adopt(&self, before: &HttpConfig, config: &HttpConfig) -> Result<(), Error> {
        let mut known = self.bearer.lock().unwrap_or_else(PoisonError::into_inner);
        if before.auth != config.auth {
            let other = bearer(config, self.address().port())?.map(Arc::new);
            if let Some(bearer) = &other {
                bearer.prepare();
            }
            *known = other;
        }
        self.port.adopt(config, known.clone());
        Ok(())
    }

    /// The address on which it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Reads everything that is counted.
    pub(crate) fn meter(&self) -> Meter {
        self.port.meter()
    }

    /// The address of the metrics' own port, if they have one.
    pub(crate) fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(SidePort::address)
    }

    /// Fails with a sentence if a store is configured and cannot be used.
    pub(crate) async fn check_store(&self) -> Result<(), Error> {
        match &self.peers {
            Some(peers) => peers.check_store().await,
            None => Ok(()),
        }
    }

    /// Gives the sessions to other replicas, if there is a store, and waits for running calls; all
    /// of it within `budget`.
    pub(crate) async fn hand_over(&self, budget: Duration) {
        if let Some(peers) = &self.peers
            && peers.leave(budget / 2).await
        {
            self.port.rest(budget / 2).await;
        }
    }

    /// The address for requests from other replicas, if there are any.
    pub(crate) fn peer_address(&self) -> Option<SocketAddr> {
        self.peers.as_ref().map(PeerPort::address)
    }

    /// Gives the front a public URL.
    pub(crate) async fn open_tunnel(
        &self,
        config: tunnel::Config,
    ) -> Result<Tunnel, tunnel::Error> {
        tunnel::open(config, TunnelEntrance(self.listener.entrance())).await
    }

    /// Ends every session and connection; running requests have this long.
    pub(crate) async fn close(self, grace: Duration) {
        self.listener.close(grace).await;
        if let Some(peers) = self.peers {
            peers.close(grace).await;
        }
    }
}
