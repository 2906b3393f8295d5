//! Requests for paths that are not MCP endpoints, served by the embedding program (the host).
//!
//! The host gets a connection of its own and speaks HTTP/1.1 on it, so that bodies stream in both
//! directions and a slow side slows the other one down.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{io::duplex, task::JoinHandle};

use super::{
    charset,
    gate::is_framing,
    port::Port,
    response::{Response, ResponseBody, bare_text},
};
use crate::{
    host::{Caller, Host, Routed},
    telemetry::console_error,
};

/// Bytes in flight between the front and the host, in each direction.
const WINDOW: usize = 64 * 1024;

/// The client's connection must be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the route ended the connection")]
pub(crate) struct Aborted;

/// The host's connection; closed when nobody reads from it any more.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Port {
    /// `None` if the host left the request to the front.
    pub(super) async fn serve_custom(
        &self,
        host: &dyn Host,
        caller: &Arc<Caller>,
        request: Request<Incoming>,
    ) -> Result<Option<Response>, Aborted> {
        let (ours, theirs) = duplex(WINDOW);
        let mut outcome = host.route(caller, theirs);
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(ours)).await.map_err(|_| Aborted)?;
        let driver = Driver(crate::runtime::task::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a custom route ended early");
            }
        }));
        let responding = sender.send_request(forwarded(request));
        tokio::pin!(responding);
        let response = tokio::select! {
            biased;
            response = &mut responding => response,
            routed = &mut outcome => match routed {
                Routed::Untouched => return Ok(None),
                Routed::Failed => {
                    return Ok(Some(bare_text(
                        StatusCode::INTERNAL_SERVER_ERROR,
                        "Error handling custom route",
                    )));
                }
                Routed::Taken => responding.await,
            },
        };
        let response = response.map_err(|error| {
            console_error!("[mcp-proxy] a custom route gave no answer: {error}");
            Aborted
        })?;
        Ok(Some(self.route_response(response, (driver, Arc::clone(caller)))))
    }

    fn route_response(&self, response: http::Response<Incoming>, guard: Guard) -> Response {
        let (mut head, body) = response.into_parts();
        let hop = [header::CONNECTION, header::TRANSFER_ENCODING];
        for name in hop {
            head.headers.remove(name);
        }
        head.headers.remove("keep-alive");
        if self.common.terms().normalize_charset {
            charset::normalise(&mut head.headers);
        }
        let body = axum::body::Body::new(Driven { body, _guard: guard });
        Response::from_parts(head, ResponseBody::Other(body))
    }
}

/// The request as it is sent to the host: without the fields of the client's connection.
fn forwarded(request: Request<Incoming>) -> Request<Incoming> {
    let (mut head, body) = request.into_parts();
    let framed: Vec<_> = head
        .headers
        .keys()
        .filter(|name| is_framing(name) && *name != header::CONTENT_LENGTH)
        .cloned()
        .collect();
    for name in framed {
        head.headers.remove(name);
    }
    head.headers.remove(header::EXPECT);
    head.headers.remove(header::UPGRADE);
    head.version = http::Version::HTTP_11;
    head.extensions.clear();
    Request::from_parts(head, body)
}

/// The connection, and the host's copy of the request; both end with the response.
type Guard = (Driver, Arc<Caller>);

struct Driven {
    body: Incoming,
    _guard: Guard,
}

impl Body for Driven {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
