//! One connection to another replica.

use std::{
    fmt,
    future::poll_fn,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use h2::client::{Builder, SendRequest};
use http::{Request, Response};
use http_body::Body as _;
use tokio::{net::TcpStream, time::timeout};

use super::{
    super::replica::ReplicaId,
    CONNECTION_WINDOW, MAX_HEAD, STREAM_WINDOW,
    answer::Answer,
    hello::{Own, Unmet},
    inbound::Inbound,
    outbound::Outbound,
    pulse,
    secure::Secure,
    sending::Sending,
};

/// Time limit for connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The way to another replica. Cheap to clone; all clones share one connection.
#[derive(Clone)]
pub(crate) struct Link {
    sender: SendRequest<Bytes>,
    /// The connection takes no more requests.
    closed: Arc<AtomicBool>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("closed", &self.closed).finish_non_exhaustive()
    }
}

/// What happened to a request.
#[derive(Debug)]
pub(crate) enum Unforwarded {
    /// It was not sent.
    Returned(Box<Request<Outbound>>),
    /// The other side may have seen it.
    Lost(h2::Error),
}

impl Link {
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Sends a request and returns the head of its response. Dropping the future cancels the
    /// request at the other replica.
    pub(crate) async fn send(
        mut self,
        request: Request<Outbound>,
    ) -> Result<Response<Answer>, Unforwarded> {
        if poll_fn(|context| self.sender.poll_ready(context)).await.is_err() {
            self.closed.store(true, Ordering::Relaxed);
            return Err(Unforwarded::Returned(Box::new(request)));
        }
        let (head, body) = request.into_parts();
        let is_whole = body.is_end_stream();
        let sent = self.sender.send_request(Request::from_parts(head, ()), is_whole);
        let (mut answer, stream) = sent.map_err(Unforwarded::Lost)?;
        let mut rest = (!is_whole).then(|| Sending::new(stream, body));
        let answered = poll_fn(|context| {
            if rest.as_mut().is_some_and(|rest| rest.poll(context).is_ready()) {
                rest = None;
            }
            Pin::new(&mut answer).poll(context)
        });
        let (head, stream) = answered.await.map_err(Unforwarded::Lost)?.into_parts();
        let body = Answer::new(Inbound::new(&head.headers, stream), rest);
        Ok(Response::from_parts(head, body))
    }
}

/// An open connection: the replica at its other end, the way to it, and the future that drives it.
pub(super) struct Dialled {
    pub(super) id: ReplicaId,
    pub(super) link: Link,
    pub(super) driver: BoxFuture<'static, ()>,
}

/// Connects to this address (`host:port`).
pub(super) async fn dial(own: &Own, secure: &Secure, address: &str) -> Result<Dialled, Unmet> {
    let connecting = timeout(CONNECT_TIMEOUT, TcpStream::connect(address));
    let stream = connecting.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    stream.set_nodelay(true)?;
    let securing = timeout(CONNECT_TIMEOUT, secure.connect(stream));
    let (mut wire, binding) = securing.await.map_err(|_| Unmet::Silent)??;
    let id = own.meet(&mut wire, binding).await?;
    let (sender, mut connection) = Builder::new()
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEAD)
        .handshake(wire)
        .await
        .map_err(io::Error::other)?;
    let closed = Arc::new(AtomicBool::new(false));
    let link = Link { sender, closed: Arc::clone(&closed) };
    let driver = async move {
        let lost = pulse::lost(connection.ping_pong());
        tokio::select! {
            biased;
            ended = connection => if let Err(error) = ended {
                tracing::debug!(%error, replica = %id, "a connection to a replica ended early");
            },
            () = lost => tracing::debug!(replica = %id, "a replica gives no sign of life"),
        }
        closed.store(true, Ordering::Relaxed);
    };
    Ok(Dialled { id, link, driver: Box::pin(driver) })
}
