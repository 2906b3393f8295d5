//! A whole proxy: one front, one server behind it.
//!
//! Its futures are boxed, as those of the [`HttpServer`](crate::HttpServer) are: an `async fn` would
//! be compiled, with most of the core below it, once more into each skin.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;

use crate::{
    config::{Isolation, ProxyConfig, Upstream, UpstreamConfig},
    era::Era,
    error::Error,
    host::Host,
    proxy::ports::{CONNECTION_GRACE, Ports, Served},
    relay::{Backend, OnDemand, Readiness},
    tunnel::{self, Tunnel},
    upstream::{Guard, Nursery, Remote, ServerPool, Supervisor},
};

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    server: Server,
    ports: Ports,
    shutdown_timeout: Duration,
}

/// A proxy whose server answers and whose port is not open yet.
pub struct Connected {
    server: Server,
    config: ProxyConfig,
    host: Option<Arc<dyn Host>>,
}

impl Proxy {
    /// Starts the server and completes the handshake with it.
    pub fn connect(config: ProxyConfig) -> BoxFuture<'static, Result<Connected, Error>> {
        Self::connect_guarded(config, None)
    }

    /// As [`Self::connect`]; the guard ends what the proxy has started if the proxy is killed.
    pub fn connect_guarded(
        config: ProxyConfig,
        guard: Option<Guard>,
    ) -> BoxFuture<'static, Result<Connected, Error>> {
        Box::pin(async move {
            if config.metrics.on_front && config.http.auth.api_key.is_none() {
                return Err(Error::OpenMetrics);
            }
            let server = Server::start(&config.upstream, guard).await?;
            Ok(Connected { server, config, host: None })
        })
    }

    /// The address that is listened on.
    pub fn address(&self) -> SocketAddr {
        self.ports.address()
    }

    /// Waits until the server has ended for good; says why. Servers that are not shared end with
    /// their clients, so there is nothing to wait for.
    pub fn ended(&self) -> BoxFuture<'_, String> {
        Box::pin(self.server.ended())
    }

    /// Gives the proxy a public URL. It stays up until the tunnel is closed or dropped; close the
    /// proxy first, so that running requests can end.
    pub fn open_tunnel(
        &self,
        config: tunnel::Config,
    ) -> BoxFuture<'_, Result<Tunnel, tunnel::Error>> {
        Box::pin(self.ports.open_tunnel(config))
    }

    /// The address of the metrics' own port, if they have one.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.ports.metrics_address()
    }

    /// Ends everything: sessions, connections, the server and whatever it has started.
    pub fn close(self) -> BoxFuture<'static, ()> {
        let grace = CONNECTION_GRACE.min(self.shutdown_timeout / 2);
        Box::pin(async move {
            self.ports.close(grace).await;
            self.server.stop(self.shutdown_timeout.saturating_sub(grace)).await;
        })
    }
}

impl fmt::Debug for Connected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connected").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Connected {
    /// Name and version the server gives itself.
    pub fn server_name(&self) -> Option<String> {
        self.server.name()
    }

    /// Asks this host about requests: authentication, origins, custom routes.
    #[must_use]
    pub fn with_host(mut self, host: Arc<dyn Host>) -> Self {
        self.host = Some(host);
        self
    }

    /// Opens the port and serves; if that fails the server is stopped again.
    pub fn listen(self) -> BoxFuture<'static, Result<Proxy, Error>> {
        let Self { server, config, host } = self;
        let shutdown_timeout = config.graceful_shutdown_timeout;
        let (backend, readiness) = (server.backend(), server.readiness());
        Box::pin(async move {
            match Ports::open(&config.http, &config.metrics, Served::one(backend, readiness, host)) {
                Ok(ports) => Ok(Proxy { server, ports, shutdown_timeout }),
                Err(error) => {
                    server.stop(shutdown_timeout).await;
                    Err(error)
                }
            }
        })
    }
}

/// The server behind a proxy, or one for each of its clients.
#[derive(Debug)]
enum Server {
    Shared(Supervisor),
    Dedicated(Nursery, Box<UpstreamConfig>),
    ServerPool(ServerPool),
    Remote(Remote),
}

impl Server {
    async fn start(config: &Upstream, guard: Option<Guard>) -> Result<Self, Error> {
        let config = match config {
            Upstream::Command(config) => config,
            Upstream::Remote(config) => return Ok(Self::Remote(Remote::new(config)?)),
        };
        if config.isolation == Isolation::Shared {
            let config = UpstreamConfig::clone(config);
            return Ok(Self::Shared(Supervisor::start(config, guard).await?));
        }
        let nursery = Nursery::start(config, guard).await?;
        Ok(match nursery.era() {
            Era::Legacy => Self::Dedicated(nursery, config.clone()),
            Era::Modern => Self::ServerPool(ServerPool::new(nursery, config)),
        })
    }

    fn backend(&self) -> Arc<dyn Backend> {
        match self {
            Self::Shared(supervisor) => supervisor.backend(),
            Self::Dedicated(nursery, config) => nursery.backend(config),
            Self::ServerPool(pool) => Arc::new(pool.clone()),
            Self::Remote(remote) => Arc::new(remote.clone()),
        }
    }

    fn readiness(&self) -> Arc<dyn Readiness> {
        match self {
            Self::Shared(supervisor) => supervisor.backend(),
            Self::Dedicated(nursery, _) => Arc::new(nursery.clone()),
            Self::ServerPool(pool) => Arc::new(pool.clone()),
            Self::Remote(_) => Arc::new(OnDemand),
        }
    }

    fn name(&self) -> Option<String> {
        match self {
            Self::Shared(supervisor) => supervisor.backend().server_name(),
            Self::Dedicated(..) | Self::ServerPool(_) | Self::Remote(_) => None,
        }
    }

    async fn ended(&self) -> String {
        match self {
            Self::Shared(supervisor) => supervisor.backend().ended().await.message,
            Self::Dedicated(..) | Self::ServerPool(_) | Self::Remote(_) => {
                std::future::pending().await
            }
        }
    }

    async fn stop(self, budget: Duration) {
        match self {
            Self::Shared(supervisor) => supervisor.stop(budget).await,
            Self::Dedicated(nursery, _) => nursery.stop(budget).await,
            Self::ServerPool(pool) => pool.stop(budget).await,
            Self::Remote(remote) => remote.stop(budget).await,
        }
    }
}
