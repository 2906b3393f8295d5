//! The port to which other replicas forward requests for sessions of this one.

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Error as BodyError;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body::Body;
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    super::{carried::Carried, handle::Cluster},
    CONNECTION_WINDOW, MAX_HEAD, SIGN_OF_LIFE, STREAM_WINDOW,
    hello::Unmet,
};
use crate::{error::Error, runtime::seats::Seats};

/// Pause after an accept that failed because resources ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Time for a TLS handshake.
const TLS_TIMEOUT: Duration = Duration::from_secs(5);
/// Most connections on which the other end has not proved itself yet.
const MAX_STRANGERS: usize = 64;

/// Serves forwarded requests.
pub(crate) trait Local: Send + Sync + 'static {
    /// The body of its responses.
    type Body: Body<Data = Bytes, Error = BodyError> + Send + Unpin + 'static;

    /// Answers a forwarded request on behalf of the caller that it carries.
    fn serve(
        self: Arc<Self>,
        request: Request<Incoming>,
        carried: Carried,
    ) -> BoxFuture<'static, Response<Self::Body>>;

    /// The answer to a request that names no caller.
    fn refuse(&self) -> Response<Self::Body>;
}

/// An open port for other replicas.
pub(crate) struct PeerPort {
    address: SocketAddr,
    cluster: Arc<Cluster>,
    accepting: JoinHandle<()>,
    connections: TaskTracker,
    drain: CancellationToken,
    abort: CancellationToken,
}

impl fmt::Debug for PeerPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerPort").field("address", &self.address).finish_non_exhaustive()
    }
}

impl PeerPort {
    /// Serves connections of an open socket, and looks for the other replicas.
    pub(crate) fn start<L: Local>(
        socket: std::net::TcpListener,
        cluster: &Arc<Cluster>,
        local: Arc<L>,
    ) -> io::Result<Self> {
        let address = socket.local_addr()?;
        let acceptor = Acceptor {
            socket: TcpListener::from_std(socket)?,
            cluster: Arc::clone(cluster),
            local,
            strangers: Seats::new(Some(MAX_STRANGERS)),
            connections: TaskTracker::new(),
            drain: CancellationToken::new(),
            abort: CancellationToken::new(),
        };
        let connections = acceptor.connections.clone();
        let (drain, abort) = (acceptor.drain.clone(), acceptor.abort.clone());
        let accepting = tokio::spawn(acceptor.accept());
        cluster.look_for_peers();
        let cluster = Arc::clone(cluster);
        Ok(Self { address, cluster, accepting, connections, drain, abort })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Fails with a sentence if a store is configured and cannot be used.
    pub(crate) async fn check_store(&self) -> Result<(), Error> {
        self.cluster.check_store().await
    }

    /// If there is a store, gives the sessions of this replica to the others from now on; returns
    /// whether there is a store.
    pub(crate) async fn leave(&self, grace: Duration) -> bool {
        if self.cluster.store().is_none() {
            return false;
        }
        self.cluster.leave(grace).await;
        self.accepting.abort();
        self.drain.cancel();
        true
    }

    /// Lets running requests finish for at most `grace`, then drops the rest.
    pub(crate) async fn close(self, grace: Duration) {
        self.accepting.abort();
        self.drain.cancel();
        self.connections.close();
        if timeout(grace, self.connections.wait()).await.is_err() {
            self.abort.cancel();
            self.connections.wait().await;
        }
        self.cluster.close().await;
    }
}

struct Acceptor<L> {
    socket: TcpListener,
    cluster: Arc<Cluster>,
    local: Arc<L>,
    strangers: Arc<Seats>,
    connections: TaskTracker,
    drain: CancellationToken,
    abort: CancellationToken,
}

impl<L: Local> Acceptor<L> {
    #[expect(clippy::infinite_loop, reason = "it ends with the task that runs it")]
    async fn accept(self) {
        loop {
            match self.socket.accept().await {
                Ok((stream, peer)) => self.spawn(stream, peer),
                Err(error) => {
                    tracing::warn!(%error, "a connection of a replica could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn spawn(&self, stream: TcpStream, peer: SocketAddr) {
        let Some(seat) = self.strangers.take(1) else { return };
        let (cluster, local) = (Arc::clone(&self.cluster), Arc::clone(&self.local));
        let (drain, abort) = (self.drain.clone(), self.abort.clone());
        self.connections.spawn(async move {
            let serving = async {
                let wire = meet(&cluster, stream, peer).await;
                drop(seat);
                match wire {
                    Ok(wire) => serve(wire, local, drain.clone()).await,
                    Err(unmet) => cluster.say_refused(peer, &unmet),
                }
            };
            tokio::select! {
                () = serving => {}
                () = abort.cancelled() => {}
            }
        });
    }
}

/// A connection whose other end has proved itself.
async fn meet(
    cluster: &Cluster,
    stream: TcpStream,
    peer: SocketAddr,
) -> Result<Box<dyn super::secure::Wire>, Unmet> {
    stream.set_nodelay(true)?;
    let securing = timeout(TLS_TIMEOUT, cluster.secure().accept(stream));
    let (mut wire, binding) = securing.await.map_err(|_| Unmet::Silent)??;
    let (id, reachable) = cluster.own().be_met(&mut wire, binding).await?;
    let host = match peer.ip().to_canonical() {
        std::net::IpAddr::V4(ip) => ip.to_string(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
    };
    cluster.introduce(id, &host, reachable);
    Ok(wire)
}

async fn serve<L: Local>(
    wire: Box<dyn super::secure::Wire>,
    local: Arc<L>,
    drain: CancellationToken,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        let local = Arc::clone(&local);
        async move {
            let carried = Carried::take(request.headers_mut());
            Ok::<_, std::convert::Infallible>(match carried {
                Some(carried) => local.serve(request, carried).await,
                None => local.refuse(),
            })
        }
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEAD)
        .max_concurrent_streams(None)
        // The replica that answers the client adds it.
        .auto_date_header(false)
        .keep_alive_interval(SIGN_OF_LIFE)
        .keep_alive_timeout(SIGN_OF_LIFE)
        .serve_connection(TokioIo::new(wire), service);
    tokio::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = drain.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection of a replica ended early");
    }
}
