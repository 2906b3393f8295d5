//! A public URL for a local HTTP server, through a pipenet tunnel server.
//!
//! The tunnel registers over HTTP and keeps a pool of TCP connections to the tunnel server, which
//! speaks HTTP/1.1 on them as a client. When its first byte arrives, each connection is given to a
//! [`LocalServer`] in this process, with headers untouched: no loopback port, no second TLS. An
//! open tunnel repairs itself until it is closed; its events are reported through `tracing`,
//! console lines under their target. Nothing here knows MCP.

mod backoff;
mod config;
mod dial;
mod error;
mod keeper;
mod local;
mod pool;
mod registrar;
mod registration;

use std::sync::Arc;

use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::error;

pub use self::{
    config::{Config, DEFAULT_HOST, Limits, Proxy},
    error::Error,
    local::LocalServer,
};
use self::{dial::Dialer, keeper::Keeper, registrar::Registrar};
use crate::{runtime::task, telemetry::console};

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
