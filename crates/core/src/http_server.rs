//! A front for the servers of an embedding program.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;

use crate::{
    config::HttpConfig,
    downstream::http::{Front, Listener},
    error::Error,
    host::{Host, ServerId},
    relay::{Embedded, Unsent},
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

impl HttpServer {
    /// Opens the port and serves; needs a runtime.
    pub fn listen(
        config: HttpConfig,
        host: Arc<dyn Host>,
        servers: &Servers,
    ) -> Result<Self, Error> {
        let tls = config.tls.as_ref().map(tls::acceptor).transpose()?;
        let (name, port, keep_alive) =
            (config.host.clone(), config.port, config.keep_alive_timeout);
        let socket = Listener::bind(&name, port)?;
        let front = Front::new(config, Arc::new(Arc::clone(&servers.0))).with_host(host);
        let listener = Listener::start(socket, tls, keep_alive, Arc::new(front))
            .map_err(|source| Error::Listen { host: name, port, source })?;
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
