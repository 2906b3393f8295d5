//! Sockets: bind, accept, TLS, one task per connection, and shutdown.

use std::{
    cell::Cell,
    fmt, io,
    net::{SocketAddr, TcpListener as StdListener, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};

use http::{
    HeaderMap, HeaderValue,
    header::{CONNECTION, TRANSFER_ENCODING},
};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::server::TlsStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    admission::Place,
    body::PlainEnd,
    custom_route::Aborted,
    gate::Certified,
    guarded::{Guarded, Patience, Phase},
    head::{MAX_HEAD, Spelled},
    header::PROTOCOL_VERSION,
    origin::Origin,
    overload::{MAX_REFUSALS, refuse},
    port::Port,
};
use crate::{
    error::Error,
    identity::certificate::identity_of,
    protocol::MODERN,
    runtime::seats::{Seat, Seats},
    telemetry::audit::Refused,
    tls::Tls,
};

/// Backlog of connections to be accepted, as in Node's HTTP server.
const BACKLOG: i32 = 511;
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

/// When a connection accepts no more requests; `None` sets no limit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lifetime {
    pub(crate) age: Option<Duration>,
    pub(crate) requests: Option<u64>,
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

/// Whether a port is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    Alone,
    /// Other processes may listen on it, too; the system distributes the connections.
    Shared,
}

/// Opens a port.
pub(super) fn listen(host: &str, port: u16) -> io::Result<StdListener> {
    listen_as(host, port, Sharing::Alone)
}

fn listen_as(host: &str, port: u16, sharing: Sharing) -> io::Result<StdListener> {
    let mut last = None;
    for address in (host, port).to_socket_addrs()? {
        match bind(address, sharing) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = Some(error),
        }
    }
    // Without IPv6, "every interface" means every IPv4 interface.
    if host == "::"
        && last.as_ref().is_some_and(|error| error.kind() != io::ErrorKind::AddrInUse)
        && let Ok(listener) = bind(SocketAddr::from(([0, 0, 0, 0], port)), sharing)
    {
        return Ok(listener);
    }
    Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "host not found")))
}

fn bind(address: SocketAddr, sharing: Sharing) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.ip().is_unspecified() && address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    if cfg!(unix) {
        socket.set_reuse_address(true)?;
    }
    #[cfg(unix)]
    if sharing == Sharing::Shared {
        socket.set_reuse_port(true)?;
    }
    #[cfg(not(unix))]
    let _ = sharing;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
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

/// Whether closing the connection may cancel this request.
fn names_modern(headers: &HeaderMap) -> bool {
    headers.get(PROTOCOL_VERSION).is_some_and(|version| version.as_bytes() >= MODERN.as_bytes())
}

/// The identity in the client's certificate, which the handshake has verified.
fn certificate(stream: &TlsStream<TcpStream>) -> Option<Certified> {
    let (_, session) = stream.get_ref();
    let first = session.peer_certificates()?.first()?;
    identity_of(first).map(|claims| Certified(claims.into()))
}

struct Connection {
    port: Arc<Port>,
    from: Origin,
    /// The claims of the client's certificate.
    certificate: Option<Certified>,
    patience: Patience,
    lifetime: Lifetime,
    keep_alive: bool,
    drain: CancellationToken,
}

impl Connection {
    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let (port, from, lifetime) = (self.port, self.from, self.lifetime);
        let (requests, certificate) = (Cell::new(0), self.certificate);
        let phase = Phase::new(&port.common.backlog);
        let stream =
            Guarded::new(stream, phase.clone(), self.patience, port.common.metrics.clone());
        // Embedding programs see requests as they were sent.
        let stream = if port.common.host.is_some() { stream.spelling() } else { stream };
        let service = service_fn(move |mut request| {
            let (port, served) = (Arc::clone(&port), phase.serve());
            let length = phase.length();
            if length.is_odd() || request.headers().contains_key(TRANSFER_ENCODING) {
                request.extensions_mut().insert(length);
            }
            if let Some(names) = phase.spelled() {
                request.extensions_mut().insert(Spelled(names));
            }
            if names_modern(request.headers()) {
                request.extensions_mut().insert(phase.clone());
            }
            if let Some(certificate) = &certificate {
                request.extensions_mut().insert(certificate.clone());
            }
            let end = PlainEnd::expected(&mut request);
            requests.set(requests.get() + 1);
            let is_last = lifetime.requests.is_some_and(|limit| requests.get() >= limit);
            async move {
                let mut response = port.serve(request, from).await?;
                if is_last || end.is_some_and(|end| !end.was_seen()) {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Aborted>(served.with(response))
            }
        });
        let connection = http1::Builder::new()
            .header_read_timeout(None)
            .half_close(true)
            // A longer head is not read any further; this limit is also applied by the scanner of
            // heads. The same number of bytes may wait for the socket.
            .max_buf_size(MAX_HEAD)
            .keep_alive(self.keep_alive)
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let drain = self.drain.cancelled_owned();
        let mut drain = Some(async move {
            match lifetime.age {
                None => drain.await,
                // A running answer is completed.
                Some(age) => drop(timeout(age, drain).await),
            }
        });
        let served = loop {
            let Some(draining) = drain.take() else { break connection.as_mut().await };
            tokio::pin!(draining);
            tokio::select! {
                served = connection.as_mut() => break served,
                () = draining => connection.as_mut().graceful_shutdown(),
            }
        };
        if let Err(error) = served {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}
