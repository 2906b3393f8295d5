//! A public URL for a local HTTP server, through a pipenet tunnel server.
//!
//! The tunnel registers over HTTP and keeps a pool of TCP connections to the tunnel server, which
//! speaks HTTP/1.1 on them as a client. Each goes to a [`LocalServer`] in this process when its
//! first byte arrives, with headers untouched: no loopback port, no second TLS. Once open, a
//! tunnel mends itself until it is closed; what happens to it is told through `tracing`, the lines
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

/// What a tunnel leads to.
pub trait LocalServer: Send + Sync + 'static {
    /// Answers the one HTTP/1.1 request on `connection`, without keep-alive.
    ///
    /// A tunnel server sets a kept connection aside, and requests that wait for a place in the pool
    /// wait until it is closed: only a new connection takes them. So the place is filled when this
    /// completes. It is dropped when the tunnel is closed.
    ///
    /// The request may be from anybody: the peer's address is the tunnel server's, even where that
    /// is a loopback address, and says nothing of the client.
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
    /// The public URL, without a trailing slash. It changes only when the tunnel server had to be
    /// asked again and gave the subdomain to somebody else in between.
    pub fn url(&self) -> String {
        self.url.borrow().clone()
    }

    /// Closes every connection of the tunnel, also those in use, and waits until they are closed.
    pub async fn close(self) {
        drop(self.stop);
        if let Err(error) = self.keeper.await {
            error!("closing the tunnel failed: {error}");
        }
    }
}

/// Registers with the tunnel server and opens the pool behind the URL it assigns.
///
/// It completes when the tunnel is registered: a server that is down is waited for, and the future
/// can be dropped at any time. An error means that the server refused, or that the configuration
/// cannot work.
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
