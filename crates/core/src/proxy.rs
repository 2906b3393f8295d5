//! A whole proxy: one front, one server behind it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::TcpStream;

use crate::{
    config::ProxyConfig,
    downstream::http::{Behind, Entrance, Front, Limits, Listener, MetricsPort, Patience},
    error::Error,
    metrics::Metrics,
    seats::Seats,
    tls,
    tunnel::{self, LocalServer, Tunnel},
    upstream::Child,
};

/// How long running requests may go on after the proxy was told to stop.
const CONNECTION_GRACE: Duration = Duration::from_secs(1);

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    child: Child,
    listener: Listener,
    metrics: Option<MetricsPort>,
    shutdown_timeout: Duration,
}

/// A proxy whose server answers and whose port is not open yet.
#[derive(Debug)]
pub struct Connected {
    child: Child,
    config: ProxyConfig,
}

impl Proxy {
    /// Starts the server and completes the handshake with it.
    pub async fn connect(config: ProxyConfig) -> Result<Connected, Error> {
        if config.metrics.on_front && config.http.auth.api_key.is_none() {
            return Err(Error::OpenMetrics);
        }
        let child = Child::start(&config.upstream).await?;
        Ok(Connected { child, config })
    }

    /// The address that is listened on.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Gives the proxy a public URL. It stays up until the tunnel is closed or dropped; close the
    /// proxy first, so that running requests can end.
    pub async fn open_tunnel(&self, config: tunnel::Config) -> Result<Tunnel, tunnel::Error> {
        tunnel::open(config, TunnelEntrance(self.listener.entrance())).await
    }

    /// The address of the metrics' own port, if they have one.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(MetricsPort::address)
    }

    /// Ends everything: sessions, connections, the server and whatever it has started.
    pub async fn close(self) {
        let grace = CONNECTION_GRACE.min(self.shutdown_timeout / 2);
        self.listener.close(grace).await;
        self.child.stop(self.shutdown_timeout.saturating_sub(grace)).await;
    }
}

impl Connected {
    /// Name and version the server gives itself.
    pub fn server_name(&self) -> Option<String> {
        self.child.backend().server_name()
    }

    /// Opens the port and serves; if that fails the server is stopped again.
    pub async fn listen(self) -> Result<Proxy, Error> {
        let Self { child, config } = self;
        let shutdown_timeout = config.graceful_shutdown_timeout;
        match open(config, &child) {
            Ok((listener, metrics)) => Ok(Proxy { child, listener, metrics, shutdown_timeout }),
            Err(error) => {
                child.stop(shutdown_timeout).await;
                Err(error)
            }
        }
    }
}

struct TunnelEntrance(Entrance);

impl LocalServer for TunnelEntrance {
    async fn serve(&self, connection: TcpStream) {
        self.0.serve_one(connection).await;
    }
}

fn open(config: ProxyConfig, child: &Child) -> Result<(Listener, Option<MetricsPort>), Error> {
    let http = config.http;
    let tls = http.tls.as_ref().map(tls::acceptor).transpose()?;
    let (host, port) = (http.host.clone(), http.port);
    let socket = Listener::bind(&host, port)?;
    let connections = Seats::new(http.max_connections);
    let limits = Limits {
        patience: Patience { head: http.header_timeout, idle: http.keep_alive_timeout },
        connections: Arc::clone(&connections),
    };
    let behind = Behind {
        backend: child.backend(),
        readiness: child.readiness(),
        connections,
        metrics: config.metrics.is_on().then(Arc::<Metrics>::default),
        shows_metrics: config.metrics.on_front,
    };
    let front = Arc::new(Front::new(http, behind));
    let metrics = config.metrics.listener;
    let metrics = metrics.map(|config| MetricsPort::open(&config, front.admin())).transpose()?;
    let failed = |source| Error::Listen { host, port, flag: "--port", source };
    Ok((Listener::start(socket, tls, limits, front).map_err(failed)?, metrics))
}
