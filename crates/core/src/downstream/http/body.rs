//! Reading request bodies within their limit.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::reject::Rejection;

/// Time for a whole body to arrive, that of Node's HTTP server.
const TIMEOUT: Duration = Duration::from_mins(5);

/// Why there is no body.
#[derive(Debug)]
pub(super) enum Unread {
    Rejected(Rejection),
    /// The client has gone; nobody is left to answer.
    Aborted,
}

/// The whole body; refused beyond `limit` bytes, without reading it where its length is announced.
pub(super) async fn read(body: Incoming, limit: Option<usize>) -> Result<Bytes, Unread> {
    let limit = limit.unwrap_or(usize::MAX);
    let announced = body.size_hint().lower();
    if usize::try_from(announced).map_or(true, |announced| announced > limit) {
        return Err(too_large(limit));
    }
    match tokio::time::timeout(TIMEOUT, collect(body, limit)).await {
        Ok(read) => read,
        Err(_) => Err(Unread::Rejected(Rejection::BodyTooSlow)),
    }
}

async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, Unread> {
    let mut whole = BytesMut::new();
    let mut first = Bytes::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            tracing::debug!(%error, "a client went away while sending its request");
            Unread::Aborted
        })?;
        let Ok(piece) = frame.into_data() else { continue };
        if whole.len() + first.len() + piece.len() > limit {
            return Err(too_large(limit));
        }
        if first.is_empty() && whole.is_empty() {
            first = piece;
            continue;
        }
        if !first.is_empty() {
            whole.extend_from_slice(&std::mem::take(&mut first));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

fn too_large(limit: usize) -> Unread {
    crate::telemetry::console_error!("[mcp-proxy] request body too large (exceeds {limit} bytes)");
    Unread::Rejected(Rejection::BodyTooLarge { limit })
}
