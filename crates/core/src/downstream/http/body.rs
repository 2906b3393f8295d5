//! Reads request bodies within their limits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, header};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::reject::Rejection;
use crate::{cluster::Outbound, runtime::task, telemetry::console_error};

/// The limits of a request body.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyLimits {
    /// Most bytes of a body.
    pub(super) size: Option<usize>,
    /// Time for the whole body to arrive.
    pub(super) time: Duration,
}

/// In the extensions of a request whose body comes in chunks: whether that body was read to its end,
/// and has no trailer fields. Otherwise another program may see another end, so the connection ends
/// with the answer: in trailer fields, hyper does not take a bare line feed for the end of a line.
#[derive(Clone, Debug, Default)]
pub(super) struct PlainEnd(Arc<AtomicBool>);

impl PlainEnd {
    /// For a request that has a body in chunks.
    pub(super) fn expected(request: &mut Request<Incoming>) -> Option<Self> {
        let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
        let end = is_chunked.then(Self::default)?;
        request.extensions_mut().insert(end.clone());
        Some(end)
    }

    pub(super) fn was_seen(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn seen(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Most bytes allocated in advance for an announced length, since the body need not come.
const MAX_RESERVED: usize = 1024 * 1024;

/// Most bytes kept of the body of a caller who is not let in.
const MAX_SKIMMED: usize = 64 * 1024;

/// Most bytes that are read and dropped after a request was refused.
const MAX_DISCARDED: usize = 32 * 1024 * 1024;
/// Longest time for reading them.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// Why no body could be read.
#[derive(Debug)]
pub(super) enum Unread {
    Rejected(Rejection),
    /// The client has disconnected; nobody is left to answer.
    Aborted,
}

/// The whole body. It is refused beyond its limits, and unread if its announced length is too
/// large.
pub(super) async fn read(
    mut body: Outbound,
    limits: BodyLimits,
    end: Option<&PlainEnd>,
) -> Result<Bytes, Unread> {
    if let Some(rejection) = refused(&body, limits) {
        discard(body);
        return Err(Unread::Rejected(rejection));
    }
    let limit = limits.size.unwrap_or(usize::MAX);
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or_default();
    match tokio::time::timeout(limits.time, collect(&mut body, announced, limit)).await {
        Ok(Err(unread)) => {
            discard(body);
            Err(unread)
        }
        Ok(Ok((whole, ends_plainly))) => {
            if let Some(end) = end.filter(|_| ends_plainly) {
                end.seen();
            }
            Ok(whole)
        }
        Err(_) => Err(Unread::Rejected(Rejection::BodyTooSlow { limit: limits.time })),
    }
}

/// Bodies are not decoded, so one with a content coding is refused with a sentence.
pub(super) fn check_coding(headers: &HeaderMap) -> Result<(), Rejection> {
    let is_plain = |value: &HeaderValue| {
        value.to_str().is_ok_and(|coding| {
            coding.split(',').all(|one| matches!(one.trim(), "" | "identity" | "Identity"))
        })
    };
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    if codings.all(is_plain) { Ok(()) } else { Err(Rejection::UnsupportedCoding) }
}

/// Why a body is refused before it is read.
pub(super) fn refused(body: &impl Body, limits: BodyLimits) -> Option<Rejection> {
    let limit = limits.size.unwrap_or(usize::MAX);
    let announced = body.size_hint().lower();
    usize::try_from(announced).map_or(true, |announced| announced > limit).then(|| {
        console_error!("[mcp-proxy] request body too large (exceeds {limit} bytes)");
        Rejection::BodyTooLarge { limit }
    })
}

/// The body of a caller who is not let in, read for the id that the refusal answers: the same
/// limits apply, but little of it is kept. Empty if it is longer.
pub(super) async fn skim(mut body: Outbound, limits: BodyLimits) -> Result<Option<Bytes>, Unread> {
    let limit = limits.size.unwrap_or(usize::MAX);
    let skimming = async {
        let (mut kept, mut read) = (BytesMut::new(), 0_usize);
        while let Some(frame) = body.frame().await {
            let Ok(piece) = frame.map_err(|_| Unread::Aborted)?.into_data() else { continue };
            read = read.saturating_add(piece.len());
            if read > limit {
                return Err(too_large(limit));
            }
            if read <= MAX_SKIMMED {
                kept.extend_from_slice(&piece);
            }
        }
        Ok((read <= MAX_SKIMMED).then(|| kept.freeze()))
    };
    match tokio::time::timeout(limits.time, skimming).await {
        Ok(Err(unread @ Unread::Rejected(_))) => {
            discard(body);
            Err(unread)
        }
        Ok(skimmed) => skimmed,
        Err(_) => Err(Unread::Rejected(Rejection::BodyTooSlow { limit: limits.time })),
    }
}

/// Reads the rest of a body while its request is answered: closing a connection with unread bytes
/// resets it, and the reset can overtake the answer.
pub(super) fn discard(body: impl Into<Outbound>) {
    let mut body = body.into();
    if body.is_end_stream() {
        return;
    }
    let run_out = async move {
        let mut discarded = 0;
        while let Some(Ok(frame)) = body.frame().await {
            discarded += frame.data_ref().map_or(0, Bytes::len);
            if discarded > MAX_DISCARDED {
                return;
            }
        }
    };
    task::spawn(tokio::time::timeout(DISCARD_TIMEOUT, run_out));
}

/// The whole body, and whether nothing follows its data.
async fn collect(
    body: &mut Outbound,
    announced: usize,
    limit: usize,
) -> Result<(Bytes, bool), Unread> {
    let mut whole = BytesMut::new();
    let mut first = Bytes::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            tracing::debug!(%error, "a client disconnected while sending its request");
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
    Ok((if whole.is_empty() { first } else { whole.freeze() }, !body.has_trailers()))
}

fn too_large(limit: usize) -> Unread {
    console_error!("[mcp-proxy] request body too large (exceeds {limit} bytes)");
    Unread::Rejected(Rejection::BodyTooLarge { limit })
}
