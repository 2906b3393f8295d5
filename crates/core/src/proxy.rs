//! A whole proxy: one front, one server behind it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use crate::{
    config::ProxyConfig,
    downstream::http::{Front, Listener},
    error::Error,
    tls,
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
#[derive(Debug)]
pub struct Connected {
    child: Child,
    config: ProxyConfig,
}

impl Proxy {
    /// Starts the server and completes the handshake with it.
    pub async fn connect(config: ProxyConfig) -> Result<Connected, Error> {
        let child = Child::start(&config.upstream).await?;
        Ok(Connected { child, config })
    }

    /// The address that is listened on.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
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
            Ok(listener) => Ok(Proxy { child, listener, shutdown_timeout }),
            Err(error) => {
                child.stop(shutdown_timeout).await;
                Err(error)
            }
        }
    }
}

fn open(config: ProxyConfig, child: &Child) -> Result<Listener, Error> {
    let http = config.http;
    let tls = http.tls.as_ref().map(tls::acceptor).transpose()?;
    let (host, port, keep_alive) = (http.host.clone(), http.port, http.keep_alive_timeout);
    let socket = Listener::bind(&host, port)?;
    let front = Arc::new(Front::new(http, child.backend()));
    Listener::start(socket, tls, keep_alive, front).map_err(|source| Error::Listen {
        host,
        port,
        source,
    })
}
