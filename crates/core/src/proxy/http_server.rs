//! A front for the servers of an embedding program.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::{
    config::{HttpConfig, MetricsConfig, Policy},
    error::Error,
    host::{Change, Host, ServerId},
    proxy::ports::{CONNECTION_GRACE, Ports, Served},
    relay::{Embedded, OnDemand, Unsent},
    tunnel::{self, Tunnel},
};

/// A listening front.
#[derive(Debug)]
pub struct HttpServer(Ports);

/// The host's side of its servers' connections. Cheap to clone, usable from any thread.
#[derive(Clone, Debug)]
pub struct Servers(Arc<Embedded>);

impl Servers {
    /// The servers of this host.
    pub fn new(host: Arc<dyn Host>) -> Self {
        Self(Embedded::new(host))
    }

    /// Sends a server's message; `related` is the raw id of the request to which it belongs,
    /// `event_id` is its id if the host stores events.
    pub fn send(
        &self,
        server: ServerId,
        text: Bytes,
        related: Option<&[u8]>,
        event_id: Option<&str>,
    ) -> Result<(), Unsent> {
        self.0.send(server, text, related, event_id)
    }

    /// The stream of a session on which the request with this raw id is answered; 0 is the one for
    /// messages that answer no request.
    pub fn stream_of(&self, server: ServerId, request: &[u8]) -> u64 {
        self.0.stream_of(server, request)
    }

    /// Ends the response stream of a request, or the standalone stream, so that its client
    /// reconnects; without an event store nothing happens.
    pub fn interrupt(&self, server: ServerId, related: Option<&[u8]>) {
        self.0.interrupt(server, related);
    }

    /// A server supports only these revisions in `MCP-Protocol-Version`, instead of all.
    pub fn takes_versions(&self, server: ServerId, versions: Vec<String>) {
        self.0.takes_versions(server, versions);
    }

    /// Reports a change to the 2026-07-28 subscriptions that asked for it.
    pub fn notify(&self, change: &Change) {
        self.0.notify(change);
    }

    /// Ends the session of a server that has ended.
    pub fn hang_up(&self, server: ServerId) {
        self.0.hang_up(server);
    }
}

impl HttpServer {
    /// Opens the port and serves; needs a runtime. Resolves at once, unless a store must be found
    /// first.
    pub fn listen(
        config: &HttpConfig,
        host: Arc<dyn Host>,
        servers: &Servers,
        policy: &Policy,
    ) -> BoxFuture<'static, Result<Self, Error>> {
        let backend = Arc::new(Arc::clone(&servers.0));
        let served = Served::one(backend, policy.clone(), Arc::new(OnDemand), Some(host));
        let opened = Ports::open(config, &MetricsConfig::default(), served);
        Box::pin(async move {
            let ports = opened?;
            ports.check_store().await?;
            Ok(Self(ports))
        })
    }

    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Gives the front a public URL; see [`Proxy::open_tunnel`](crate::Proxy::open_tunnel).
    pub fn open_tunnel(
        &self,
        config: tunnel::Config,
    ) -> BoxFuture<'_, Result<Tunnel, tunnel::Error>> {
        Box::pin(self.0.open_tunnel(config))
    }

    /// Ends every session and connection; running requests have this long, 1 s by default. With a
    /// store, sessions are first given to other replicas, and running calls have that long as well.
    pub fn close(self, grace: Option<Duration>) -> BoxFuture<'static, ()> {
        let grace = grace.unwrap_or(CONNECTION_GRACE);
        Box::pin(async move {
            self.0.hand_over(grace).await;
            self.0.close(grace).await;
        })
    }
}
