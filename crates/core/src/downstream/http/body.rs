//! Reading request bodies within their limit.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::reject::Rejection;

/// What a request body is held to.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyLimits {
    /// Most bytes.
    pub(super) size: Option<usize>,
    /// Time for the whole body to arrive.
    pub(super) time: Duration,
}

/// Room made at once for a body whose length is announced; what is announced need not come.
const MAX_RESERVED: usize = 1024 * 1024;

/// Why there is no body.
#[derive(Debug)]
pub(super) enum Unread {
    Rejected(Rejection),
    /// The client has gone; nobody is left to answer.
    Aborted,
}

/// The whole body; refused beyond its limits, unread where its announced length is too large.
pub(super) async fn read(body: Incoming, limits: BodyLimits) -> Result<Bytes, Unread> {
    let limit = limits.size.unwrap_or(usize::MAX);
    let announced = body.size_hint().lower();
    if usize::try_from(announced).map_or(true, |announced| announced > limit) {
        return Err(too_large(limit));
    }
    let announced = usize::try_from(announced).unwrap_or_default();
    match tokio::time::timeout(limits.time, collect(body, announced, limit)).await {
        Ok(read) => read,
        Err(_) => Err(Unread::Rejected(Rejection::BodyTooSlow { limit: limits.time })),
    }
}

async fn collect(mut body: Incoming, announced: usize, limit: usize) -> Result<Bytes, Unread> {
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
            whole.reserve(announced.min(MAX_RESERVED));
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
