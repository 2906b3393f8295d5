//! The port to which other replicas forward requests for sessions of this one.

use std::{
    fmt,
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Poll, ready},
    time::Duration,
};

use axum::Error as BodyError;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use h2::{
    RecvStream,
    server::{Builder, SendResponse},
};
use http::{HeaderValue, Request, Response, header};
use http_body::Body;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    super::{carried::Carried, handle::Cluster},
    CONNECTION_WINDOW, MAX_HEAD, STREAM_WINDOW,
    hello::Unmet,
    inbound::Inbound,
    pulse,
    sending::Sending,
};
use crate::{error::Error, runtime::seats::Seats};

/// Pause after an accept that failed because resources ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Time for a TLS handshake.
const TLS_TIMEOUT: Duration = Duration::from_secs(5);
/// Most connections on which the other end has not proved itself yet.
const MAX_STRANGERS: usize = 64;

/// Most requests that another replica may cancel before they are accepted here: those of one read.
const MAX_CANCELLED: usize = 64 * 1024;

/// Serves forwarded requests.
pub(crate) trait Local: Send + Sync + 'static {
    /// The body of its responses.
    type Body: Body<Data = Bytes, Error = BodyError> + Send + Unpin + 'static;

    /// Answers a forwarded request on behalf of the caller that it carries.
    fn serve(
        self: Arc<Self>,
        request: Request<Inbound>,
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
    if let Err(error) = serve_all(wire, &local, drain).await {
        tracing::debug!(%error, "a connection of a replica ended early");
    }
}

async fn serve_all<L: Local>(
    wire: Box<dyn super::secure::Wire>,
    local: &Arc<L>,
    drain: CancellationToken,
) -> Result<(), h2::Error> {
    let mut connection = Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEAD)
        .max_pending_accept_reset_streams(MAX_CANCELLED)
        .handshake::<_, Bytes>(wire)
        .await?;
    let mut lost = pin!(pulse::lost(connection.ping_pong()));
    let mut drain = Some(Box::pin(drain.cancelled_owned()));
    poll_fn(|context| {
        if drain.as_mut().is_some_and(|drain| drain.as_mut().poll(context).is_ready()) {
            drain = None;
            connection.graceful_shutdown();
        }
        if lost.as_mut().poll(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        while let Some(accepted) = ready!(connection.poll_accept(context)) {
            let (request, respond) = accepted?;
            tokio::spawn(Box::pin(answer(Arc::clone(local), request, respond)));
        }
        Poll::Ready(Ok(()))
    })
    .await
}

/// Answers one request, unless it is cancelled first.
async fn answer<L: Local>(
    local: Arc<L>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) {
    let (mut head, stream) = request.into_parts();
    let carried = Carried::take(&mut head.headers);
    let body = Inbound::new(&head.headers, stream);
    let response = match carried {
        None => local.refuse(),
        Some(carried) => {
            let mut serving = local.serve(Request::from_parts(head, body), carried);
            let answered = poll_fn(|context| match respond.poll_reset(context) {
                Poll::Ready(_) => Poll::Ready(None),
                Poll::Pending => Pin::new(&mut serving).poll(context).map(Some),
            });
            let Some(response) = answered.await else { return };
            response
        }
    };
    let (mut head, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact()
        && !head.headers.contains_key(header::CONTENT_LENGTH)
    {
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    let is_whole = body.is_end_stream();
    match respond.send_response(Response::from_parts(head, ()), is_whole) {
        Ok(stream) if !is_whole => {
            let mut sending = Sending::new(stream, body);
            poll_fn(|context| sending.poll(context)).await;
        }
        Ok(_) => {}
        Err(error) => tracing::debug!(%error, "a response was not sent to a replica"),
    }
}
