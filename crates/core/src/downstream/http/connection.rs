//! A connection of a client: its requests, one after the other, until it ends.

use std::{cell::Cell, sync::Arc, time::Duration};

use http::{
    HeaderMap, HeaderValue,
    header::{CONNECTION, TRANSFER_ENCODING},
};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    body::PlainEnd,
    custom_route::Aborted,
    gate::Certified,
    guarded::{Guarded, Patience},
    head::{MAX_HEAD, Spelled},
    header::PROTOCOL_VERSION,
    origin::Origin,
    phase::Phase,
    port::Port,
};
use crate::protocol::MODERN;

/// When a connection accepts no more requests; `None` sets no limit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lifetime {
    pub(crate) age: Option<Duration>,
    pub(crate) requests: Option<u64>,
}

/// See the module.
pub(super) struct Connection {
    pub(super) port: Arc<Port>,
    pub(super) from: Origin,
    /// The claims of the client's certificate.
    pub(super) certificate: Option<Certified>,
    pub(super) patience: Patience,
    pub(super) lifetime: Lifetime,
    pub(super) keep_alive: bool,
    pub(super) drain: CancellationToken,
}

impl Connection {
    pub(super) async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
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

/// Whether closing the connection may cancel this request.
fn names_modern(headers: &HeaderMap) -> bool {
    headers.get(PROTOCOL_VERSION).is_some_and(|version| version.as_bytes() >= MODERN.as_bytes())
}
