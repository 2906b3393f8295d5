//! A front for the servers of an embedding program.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;

use crate::{
    config::HttpConfig,
    downstream::http::{Behind, Front, Limits, Listener, Patience},
    error::Error,
    host::{Host, ServerId},
    relay::{self, Embedded, Readiness, Unready, Unsent},
    seats::Seats,
    tls,
};

/// How long running requests may go on after the front was told to stop.
const CONNECTION_GRACE: Duration = Duration::from_secs(1);

/// A listening front.
#[derive(Debug)]
pub struct HttpServer {
    listener: Listener,
}

/// The host's side of its servers' connections. Cheap to clone, usable from any thread.
#[derive(Clone, Debug)]
pub struct Servers(Arc<Embedded>);

impl Servers {
    /// The servers of this host.
    pub fn new(host: Arc<dyn Host>) -> Self {
        Self(Embedded::new(host))
    }

    /// Sends what a server has to say; `related` is the raw id of the request it belongs to,
    /// `event_id` names it where the host stores events.
    pub fn send(
        &self,
        server: ServerId,
        text: Bytes,
        related: Option<&[u8]>,
        event_id: Option<&str>,
    ) -> Result<(), Unsent> {
        self.0.send(server, text, related, event_id)
    }

    /// Ends the response stream of a request, or the one of unasked messages, for its client to
    /// come back to; without an event store nothing happens.
    pub fn interrupt(&self, server: ServerId, related: Option<&[u8]>) {
        self.0.interrupt(server, related);
    }

    /// Ends the session of a server that has nothing more to say.
    pub fn hang_up(&self, server: ServerId) {
        self.0.hang_up(server);
    }
}

/// Servers of the embedding program are made when they are needed.
#[derive(Debug)]
struct AlwaysReady;

impl Readiness for AlwaysReady {
    fn unready(&self) -> Option<Unready> {
        None
    }

    fn servers(&self) -> relay::Servers {
        relay::Servers::default()
    }
}

impl HttpServer {
    /// Opens the port and serves; needs a runtime.
    pub fn listen(
        config: HttpConfig,
        host: Arc<dyn Host>,
        servers: &Servers,
    ) -> Result<Self, Error> {
        let tls = config.tls.as_ref().map(tls::acceptor).transpose()?;
        let (name, port) = (config.host.clone(), config.port);
        let socket = Listener::bind(&name, port)?;
        let connections = Seats::new(config.max_connections);
        let limits = Limits {
            patience: Patience { head: config.header_timeout, idle: config.keep_alive_timeout },
            connections: Arc::clone(&connections),
        };
        let behind = Behind {
            backend: Arc::new(Arc::clone(&servers.0)),
            readiness: Arc::new(AlwaysReady),
            connections,
            metrics: None,
            shows_metrics: false,
        };
        let front = Arc::new(Front::new(config, behind).with_host(host));
        let listener = Listener::start(socket, tls, limits, front)
            .map_err(|source| Error::Listen { host: name, port, flag: "--port", source })?;
        Ok(Self { listener })
    }

    /// The address that is listened on.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Ends every session and connection.
    pub async fn close(self) {
        self.listener.close(CONNECTION_GRACE).await;
    }
}
