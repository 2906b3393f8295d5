//! A whole proxy: one front, one server behind it.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::TcpStream;

use crate::{
    config::ProxyConfig,
    downstream::http::{Entrance, Front, Listener},
    error::Error,
    host::Host,
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
    shutdown_timeout: Duration,
}

/// A proxy whose server answers and whose port is not open yet.
pub struct Connected {
    child: Child,
    config: ProxyConfig,
    host: Option<Arc<dyn Host>>,
}

impl Proxy {
    /// Starts the server and completes the handshake with it.
    pub async fn connect(config: ProxyConfig) -> Result<Connected, Error> {
        let child = Child::start(&config.upstream).await?;
        Ok(Connected { child, config, host: None })
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

    /// Ends everything: sessions, connections, the server and whatever it has started.
    pub async fn close(self) {
        let grace = CONNECTION_GRACE.min(self.shutdown_timeout / 2);
        self.listener.close(grace).await;
        self.child.stop(self.shutdown_timeout.saturating_sub(grace)).await;
    }
}

impl fmt::Debug for Connected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connected").field("child", &self.child).finish_non_exhaustive()
    }
}

impl Connected {
    /// Name and version the server gives itself.
    pub fn server_name(&self) -> Option<String> {
        self.child.backend().server_name()
    }

    /// Asks this host about requests: authentication, origins, custom routes.
    #[must_use]
    pub fn with_host(mut self, host: Arc<dyn Host>) -> Self {
        self.host = Some(host);
        self
    }

    /// Opens the port and serves; if that fails the server is stopped again.
    pub async fn listen(self) -> Result<Proxy, Error> {
        let Self { child, config, host } = self;
        let shutdown_timeout = config.graceful_shutdown_timeout;
        match open(config, &child, host) {
            Ok(listener) => Ok(Proxy { child, listener, shutdown_timeout }),
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

fn open(
    config: ProxyConfig,
    child: &Child,
    host_program: Option<Arc<dyn Host>>,
) -> Result<Listener, Error> {
    let http = config.http;
    let tls = http.tls.as_ref().map(tls::acceptor).transpose()?;
    let (host, port, keep_alive) = (http.host.clone(), http.port, http.keep_alive_timeout);
    let socket = Listener::bind(&host, port)?;
    let mut front = Front::new(http, child.backend());
    if let Some(program) = host_program {
        front = front.with_host(program);
    }
    Listener::start(socket, tls, keep_alive, Arc::new(front)).map_err(|source| Error::Listen {
        host,
        port,
        source,
    })
}
