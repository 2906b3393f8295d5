//! Sockets: bind, accept, TLS, one task per connection, and shutdown.

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener as StdListener},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::server::TlsStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    admission::Place,
    connection::{Connection, Lifetime},
    gate::Certified,
    guarded::Patience,
    origin::Origin,
    overload::{MAX_REFUSALS, refuse},
    port::Port,
    sockets::{Sharing, listen_as},
};
use crate::{
    error::Error,
    identity::certificate::identity_of,
    runtime::seats::{Seat, Seats},
    telemetry::audit::Refused,
    tls::Tls,
};

/// Time for a TLS handshake.
const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
/// Shortest time limit for a request head, and between two requests.
const MIN_PATIENCE: Duration = Duration::from_millis(10);
/// Pause after an accept that failed because resources ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The limits of connections.
#[derive(Debug)]
pub(crate) struct Limits {
    /// Time limits for a client.
    pub(crate) patience: Patience,
    /// One seat for each connection.
    pub(crate) connections: Arc<Seats>,
    pub(crate) lifetime: Lifetime,
}

/// An open port and its connections.
pub(crate) struct Listener {
    address: SocketAddr,
    port: Arc<Port>,
    patience: Patience,
    accepting: JoinHandle<()>,
    connections: TaskTracker,
    drain: CancellationToken,
    abort: CancellationToken,
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Listener {
    /// Opens the port; accepts nothing yet.
    pub(crate) fn bind(host: &str, port: u16, flag: &'static str) -> Result<StdListener, Error> {
        Self::bind_as(host, port, flag, Sharing::Alone)
    }

    /// The same, for a port that other processes may share.
    pub(crate) fn bind_as(
        host: &str,
        port: u16,
        flag: &'static str,
        sharing: Sharing,
    ) -> Result<StdListener, Error> {
        listen_as(host, port, sharing).map_err(|source| Error::Listen {
            host: host.to_owned(),
            port,
            flag,
            source,
        })
    }

    /// Serves connections of an open socket.
    pub(crate) fn start(
        socket: StdListener,
        tls: Option<Tls>,
        limits: Limits,
        port: Arc<Port>,
    ) -> io::Result<Self> {
        let address = socket.local_addr()?;
        let Patience { head, idle, write } = limits.patience;
        let (head, idle) = (head.max(MIN_PATIENCE), idle.max(MIN_PATIENCE));
        let patience = Patience { head, idle, write };
        let acceptor = Acceptor {
            socket: TcpListener::from_std(socket)?,
            tls,
            patience,
            lifetime: limits.lifetime,
            seats: limits.connections,
            refusals: Seats::new(Some(MAX_REFUSALS)),
            port: Arc::clone(&port),
            connections: TaskTracker::new(),
            drain: CancellationToken::new(),
            abort: CancellationToken::new(),
        };
        let (connections, drain) = (acceptor.connections.clone(), acceptor.drain.clone());
        let abort = acceptor.abort.clone();
        let accepting = tokio::spawn(acceptor.accept());
        Ok(Self { address, port, patience, accepting, connections, drain, abort })
    }

    /// Serves one request of a connection that came in another way.
    ///
    /// Its client is not on this machine, whatever the peer's address is.
    pub(crate) fn entrance(&self) -> Entrance {
        Entrance {
            port: Arc::clone(&self.port),
            patience: self.patience,
            drain: self.drain.clone(),
        }
    }

    /// The address on which it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends sessions and streams, lets running requests finish for at most `grace`, and drops the
    /// rest.
    pub(crate) async fn close(self, grace: Duration) {
        self.port.close();
        self.accepting.abort();
        self.drain.cancel();
        self.connections.close();
        if timeout(grace, self.connections.wait()).await.is_err() {
            self.abort.cancel();
            self.connections.wait().await;
        }
    }
}

struct Acceptor {
    socket: TcpListener,
    tls: Option<Tls>,
    patience: Patience,
    lifetime: Lifetime,
    seats: Arc<Seats>,
    refusals: Arc<Seats>,
    port: Arc<Port>,
    connections: TaskTracker,
    drain: CancellationToken,
    abort: CancellationToken,
}

impl Acceptor {
    #[expect(clippy::infinite_loop, reason = "it ends with the task that runs it")]
    async fn accept(self) {
        loop {
            match self.socket.accept().await {
                Ok((stream, peer)) => {
                    let admission = &self.port.common.admission;
                    let is_proxy = self.port.trusted_proxies.trusts(peer.ip());
                    let Some(place) = admission.connection(peer.ip(), is_proxy) else {
                        self.refuse(stream, peer, "too_many_connections_of_address");
                        continue;
                    };
                    match self.seats.take(1) {
                        Some(seat) => self.spawn(stream, peer, (seat, place)),
                        None => self.refuse(stream, peer, "too_many_connections"),
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// A refusal gets a short answer, but only a few at a time and no TLS handshake.
    fn refuse(&self, stream: TcpStream, peer: SocketAddr, reason: &'static str) {
        self.port.common.count_rejection(reason);
        let (peer, status) = (Some(peer.ip()), Some(503));
        self.port.common.audit.write(&Refused { reason, peer, status, ..Refused::default() });
        if let Some(seat) = self.refusals.take(1).filter(|_| self.tls.is_none()) {
            self.connections.spawn(async move {
                refuse(stream).await;
                drop(seat);
            });
        }
    }

    fn spawn(&self, stream: TcpStream, peer: SocketAddr, seat: (Seat, Place)) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection ended before it was served");
        }
        let connection = Connection {
            port: Arc::clone(&self.port),
            from: Origin {
                peer,
                local: stream.local_addr().unwrap_or(Origin::UNKNOWN.local),
                encrypted: self.tls.is_some(),
            },
            patience: self.patience,
            lifetime: self.lifetime,
            certificate: None,
            keep_alive: true,
            drain: self.drain.clone(),
        };
        let (tls, abort) = (self.tls.as_ref().map(Tls::acceptor), self.abort.clone());
        self.connections.spawn(async move {
            let serving = async {
                match tls {
                    None => connection.serve(stream).await,
                    Some(tls) => match timeout(TLS_HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
                        Ok(Ok(stream)) => {
                            let certificate = certificate(&stream);
                            Connection { certificate, ..connection }.serve(stream).await;
                        }
                        failed => tracing::debug!(?failed, %peer, "no TLS handshake"),
                    },
                }
            };
            tokio::select! {
                () = serving => {}
                () = abort.cancelled() => {}
            }
            drop(seat);
        });
    }
}

/// See [`Listener::entrance`].
#[derive(Clone, Debug)]
pub(crate) struct Entrance {
    port: Arc<Port>,
    patience: Patience,
    drain: CancellationToken,
}

impl Entrance {
    pub(crate) async fn serve_one(&self, stream: TcpStream) {
        let connection = Connection {
            port: Arc::clone(&self.port),
            // Only the tunnel's server knows who is at the other end.
            from: Origin::UNKNOWN,
            patience: self.patience,
            lifetime: Lifetime::default(),
            certificate: None,
            keep_alive: false,
            drain: self.drain.clone(),
        };
        connection.serve(stream).await;
    }
}

/// The identity in the client's certificate, which the handshake has verified.
fn certificate(stream: &TlsStream<TcpStream>) -> Option<Certified> {
    let (_, session) = stream.get_ref();
    let first = session.peer_certificates()?.first()?;
    identity_of(first).map(|claims| Certified(claims.into()))
}
