//! A whole proxy: one front, one server behind it.
//!
//! Its futures are boxed, as those of the [`HttpServer`](crate::HttpServer) are: each skin would
//! compile an `async fn` again, with most of the core below it.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;

use tokio::time::Instant;

use crate::{
    config::ProxyConfig,
    downstream::http::Meter,
    error::Error,
    host::Host,
    inspect::{Inspection, Inspector},
    proxy::{
        asked::keep_claims,
        ports::{CONNECTION_GRACE, Ports, Served, bearer},
    },
    relay::guarded,
    tunnel::{self, Tunnel},
    upstream::{Guard, Upstream, start},
};

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    server: Box<dyn Upstream>,
    ports: Ports,
    shutdown_timeout: Duration,
}

/// A proxy whose server answers and whose port is not open yet.
pub struct Connected {
    server: Box<dyn Upstream>,
    config: ProxyConfig,
    host: Option<Arc<dyn Host>>,
}

impl Proxy {
    /// Starts the server and makes the handshake with it.
    pub fn connect(config: ProxyConfig) -> BoxFuture<'static, Result<Connected, Error>> {
        Self::connect_guarded(config, None)
    }

    /// As [`Self::connect`]; if the proxy is killed, the guard ends what it has started.
    pub fn connect_guarded(
        mut config: ProxyConfig,
        guard: Option<Guard>,
    ) -> BoxFuture<'static, Result<Connected, Error>> {
        Box::pin(async move {
            if config.metrics.on_front && !config.http.asks_who_calls() {
                return Err(Error::OpenMetrics);
            }
            keep_claims(&mut config.http.auth, [(Some(&config.upstream), &config.policy)]);
            // What cannot be served is reported before a server is started.
            drop(bearer(&config.http, config.http.port)?);
            let server = start(&config.upstream, guard).await?;
            Ok(Connected { server, config, host: None })
        })
    }

    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.ports.address()
    }

    /// Waits until the server has ended for good; returns why. Servers that are not shared end with
    /// their clients, so this never returns for them.
    pub fn ended(&self) -> BoxFuture<'_, String> {
        self.server.ended()
    }

    /// Gives the proxy a public URL, which lasts until the tunnel is closed or dropped. Close the
    /// proxy first, so that running requests can end.
    pub fn open_tunnel(
        &self,
        config: tunnel::Config,
    ) -> BoxFuture<'_, Result<Tunnel, tunnel::Error>> {
        Box::pin(self.ports.open_tunnel(config))
    }

    /// Reads everything that is counted.
    pub fn meter(&self) -> Meter {
        self.ports.meter()
    }

    /// The address of the metrics' own port, if they have one.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.ports.metrics_address()
    }

    /// The address for requests from other replicas, if it works with others.
    pub fn peer_address(&self) -> Option<SocketAddr> {
        self.ports.peer_address()
    }

    /// Opens the inspection page, with a console for this proxy's server.
    pub fn inspect(&self, inspection: Inspection) -> Result<Inspector, Error> {
        inspection.open_with(Some(self.server.backend()))
    }

    /// Ends everything: sessions, connections, the server and everything that it has started.
    pub fn close(self) -> BoxFuture<'static, ()> {
        let grace = CONNECTION_GRACE.min(self.shutdown_timeout / 2);
        Box::pin(async move {
            let begun = Instant::now();
            self.ports.hand_over(self.shutdown_timeout / 2).await;
            self.ports.close(grace).await;
            let spent = begun.elapsed().max(grace);
            self.server.stop(self.shutdown_timeout.saturating_sub(spent)).await;
        })
    }
}

impl fmt::Debug for Connected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connected").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Connected {
    /// The server's own name and version.
    pub fn server_name(&self) -> Option<String> {
        self.server.name()
    }

    /// Asks this host about requests: authentication, origins, custom routes.
    #[must_use]
    pub fn with_host(mut self, host: Arc<dyn Host>) -> Self {
        self.host = Some(host);
        self
    }

    /// Opens the port and serves; if that fails, the server is stopped.
    pub fn listen(self) -> BoxFuture<'static, Result<Proxy, Error>> {
        let Self { server, config, host } = self;
        let shutdown_timeout = config.graceful_shutdown_timeout;
        let (backend, readiness) = (server.backend(), server.readiness());
        let backend = guarded(backend, &config.rules);
        Box::pin(async move {
            let served = Served::one(backend, config.policy, readiness, host);
            let opened = match Ports::open(&config.http, &config.metrics, served) {
                Ok(ports) => ports.check_store().await.map(|()| ports),
                Err(error) => Err(error),
            };
            match opened {
                Ok(ports) => Ok(Proxy { server, ports, shutdown_timeout }),
                Err(error) => {
                    server.stop(shutdown_timeout).await;
                    Err(error)
                }
            }
        })
    }
}
