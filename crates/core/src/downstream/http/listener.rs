//! Sockets: bind, accept, TLS, one task per connection, and their end.

use std::{
    convert::Infallible,
    fmt, io,
    net::{SocketAddr, TcpListener as StdListener, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Front, router::Origin};
use crate::error::Error;

/// Connections waiting to be accepted, that of Node's HTTP server.
const BACKLOG: i32 = 511;
/// Time for a TLS handshake.
const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
/// Shortest time for a request head to arrive.
const MIN_HEAD_TIMEOUT: Duration = Duration::from_millis(10);
/// Pause after an accept that failed for want of resources.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// An open port and the connections that came through it.
pub(crate) struct Listener {
    address: SocketAddr,
    front: Arc<Front>,
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
    /// Opens the port; nothing is accepted yet.
    pub(crate) fn bind(host: &str, port: u16) -> Result<StdListener, Error> {
        listen(host, port).map_err(|source| Error::Listen { host: host.to_owned(), port, source })
    }

    /// Serves the front on an open port.
    pub(crate) fn start(
        socket: StdListener,
        tls: Option<TlsAcceptor>,
        keep_alive_timeout: Duration,
        front: Arc<Front>,
    ) -> io::Result<Self> {
        let address = socket.local_addr()?;
        let acceptor = Acceptor {
            socket: TcpListener::from_std(socket)?,
            tls,
            head_timeout: keep_alive_timeout.max(MIN_HEAD_TIMEOUT),
            front: Arc::clone(&front),
            connections: TaskTracker::new(),
            drain: CancellationToken::new(),
            abort: CancellationToken::new(),
        };
        let (connections, drain) = (acceptor.connections.clone(), acceptor.drain.clone());
        let abort = acceptor.abort.clone();
        let accepting = tokio::spawn(acceptor.accept());
        Ok(Self { address, front, accepting, connections, drain, abort })
    }

    /// The address that is listened on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends sessions and streams, lets running requests finish for at most `grace`, and drops what
    /// is left.
    pub(crate) async fn close(self, grace: Duration) {
        self.front.close();
        self.accepting.abort();
        self.drain.cancel();
        self.connections.close();
        if timeout(grace, self.connections.wait()).await.is_err() {
            self.abort.cancel();
            self.connections.wait().await;
        }
    }
}

fn listen(host: &str, port: u16) -> io::Result<StdListener> {
    let mut last = None;
    for address in (host, port).to_socket_addrs()? {
        match bind(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = Some(error),
        }
    }
    // Without IPv6 every interface means every IPv4 interface.
    if host == "::"
        && last.as_ref().is_some_and(|error| error.kind() != io::ErrorKind::AddrInUse)
        && let Ok(listener) = bind(SocketAddr::from(([0, 0, 0, 0], port)))
    {
        return Ok(listener);
    }
    Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "host not found")))
}

fn bind(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.ip().is_unspecified() && address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    if cfg!(unix) {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

struct Acceptor {
    socket: TcpListener,
    tls: Option<TlsAcceptor>,
    head_timeout: Duration,
    front: Arc<Front>,
    connections: TaskTracker,
    drain: CancellationToken,
    abort: CancellationToken,
}

impl Acceptor {
    async fn accept(self) {
        loop {
            match self.socket.accept().await {
                Ok((stream, peer)) => self.spawn(stream, peer),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn spawn(&self, stream: TcpStream, peer: SocketAddr) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection ended before it was served");
        }
        let connection = Connection {
            front: Arc::clone(&self.front),
            from: Origin { loopback: peer.ip().to_canonical().is_loopback() },
            head_timeout: self.head_timeout,
            drain: self.drain.clone(),
        };
        let (tls, abort) = (self.tls.clone(), self.abort.clone());
        self.connections.spawn(async move {
            let serving = async {
                match tls {
                    None => connection.serve(stream).await,
                    Some(tls) => match timeout(TLS_HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
                        Ok(Ok(stream)) => connection.serve(stream).await,
                        failed => tracing::debug!(?failed, %peer, "no TLS handshake"),
                    },
                }
            };
            tokio::select! {
                () = serving => {}
                () = abort.cancelled() => {}
            }
        });
    }
}

struct Connection {
    front: Arc<Front>,
    from: Origin,
    head_timeout: Duration,
    drain: CancellationToken,
}

impl Connection {
    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let (front, from) = (self.front, self.from);
        let service = service_fn(move |request| {
            let front = Arc::clone(&front);
            async move { Ok::<_, Infallible>(front.serve(request, from).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.head_timeout)
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let mut drain = Some(self.drain.cancelled_owned());
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
