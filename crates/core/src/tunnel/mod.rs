//! A public URL for a local HTTP server, through a pipenet tunnel server.
//!
//! The tunnel registers over HTTP and keeps a pool of TCP connections to the tunnel server, which
//! speaks HTTP/1.1 on them as a client. When its first byte arrives, each connection is given to a
//! [`LocalServer`] in this process, with headers untouched: no loopback port, no second TLS. An
//! open tunnel repairs itself until it is closed; its events are reported through `tracing`,
//! console lines under their target. Nothing here knows MCP.
//! meant for the console under their target. Nothing here knows MCP.

mod backoff;
mod config;
mod dial;
mod error;
mod keeper;
mod pool;
mod registrar;
mod registration;

use std::sync::Arc;

use tokio::{net::TcpStream, sync::watch, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::error;

pub use self::{
    config::{Config, DEFAULT_HOST, Limits, Proxy},
    error::Error,
};
use self::{dial::Dialer, keeper::Keeper, registrar::Registrar};
use crate::{runtime::task, telemetry::console};

/// The server behind a tunnel.
pub trait LocalServer: Send + Sync + 'static {
    /// Answers the single HTTP/1.1 request on `connection`, without keep-alive.
    ///
    /// A tunnel server does not reuse a connection that stays open, and requests that wait for a
    /// pool connection wait until it is closed: only a new connection serves them. So a new one is
    /// opened when this completes. It is dropped when the tunnel is closed.
    ///
    /// The request may come from anybody: the peer's address is the tunnel server's, even if that
    /// is a loopback address, and says nothing about the client.
    fn serve(&self, connection: TcpStream) -> impl Future<Output = ()> + Send;
}

/// An open tunnel. Dropping it closes it.
#[derive(Debug)]
pub struct Tunnel {
    url: watch::Receiver<String>,
    stop: DropGuard,
    keeper: JoinHandle<()>,
}

impl Tunnel {
    /// The public URL, without a trailing slash. It changes only if the tunnel server assigned the
    /// subdomain to another client while this one had to register again.
    pub fn url(&self) -> String {
        self.url.borrow().clone()
    }

    /// Closes every connection of the tunnel, including those in use, and waits until they are
    /// closed.
    pub async fn close(self) {
        drop(self.stop);
        if let Err(error) = self.keeper.await {
            error!("closing the tunnel failed: {error}");
        }
    }
}

/// Registers with the tunnel server and opens the pool for the URL that it assigns.
///
/// Completes when the tunnel is registered. If the server is down, this waits; the future can be
/// dropped at any time. An error means that the server refused, or that the configuration cannot
/// work.
pub async fn open(config: Config, local: impl LocalServer) -> Result<Tunnel, Error> {
    let registrar = Registrar::new(&config)?;
    console!("establishing tunnel via {}", registrar.name());
    let registration = registrar.claim(config.subdomain.as_deref()).await?;
    let (url, watched) = watch::channel(registration.url.clone());
    let stop = CancellationToken::new();
    let keeper = Keeper {
        dialer: Arc::new(Dialer::new(&config, registrar.scheme())),
        registrar,
        local: Arc::new(local),
        limits: config.limits,
        url,
    };
    let keeper = task::spawn(keeper.run(registration, stop.clone()));
    Ok(Tunnel { url: watched, stop: stop.drop_guard(), keeper })
}
