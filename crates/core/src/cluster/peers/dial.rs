//! One connection to another replica.

use std::{fmt, io, time::Duration};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use hyper::{body::Incoming, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{net::TcpStream, time::timeout};

use super::{
    super::replica::ReplicaId,
    CONNECTION_WINDOW, MAX_HEAD, SIGN_OF_LIFE, STREAM_WINDOW,
    hello::{Own, Unmet},
    outbound::Outbound,
    secure::Secure,
};

/// Time limit for connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The way to another replica. Cheap to clone; all clones share one connection.
#[derive(Clone)]
pub(crate) struct Link(http2::SendRequest<Outbound>);

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("closed", &self.0.is_closed()).finish()
    }
}

/// What happened to a request.
#[derive(Debug)]
pub(crate) enum Unsent {
    /// It was not sent.
    Returned(Box<Request<Outbound>>),
    /// The other side may have seen it.
    Lost(hyper::Error),
}

impl Link {
    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Sends a request and returns the head of its response. Dropping the future cancels the
    /// request at the other replica.
    pub(crate) async fn send(
        &self,
        request: Request<Outbound>,
    ) -> Result<Response<Incoming>, Unsent> {
        let sending = self.0.clone().try_send_request(request);
        sending.await.map_err(|mut error| match error.take_message() {
            Some(request) => Unsent::Returned(Box::new(request)),
            None => Unsent::Lost(error.into_error()),
        })
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
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEAD)
        .keep_alive_interval(SIGN_OF_LIFE)
        .keep_alive_timeout(SIGN_OF_LIFE)
        .keep_alive_while_idle(true)
        .handshake(TokioIo::new(wire))
        .await
        .map_err(io::Error::other)?;
    let driver = async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, replica = %id, "a connection to a replica ended early");
        }
    };
    Ok(Dialled { id, link: Link(sender), driver: Box::pin(driver) })
}
