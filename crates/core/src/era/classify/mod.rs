//! Which era a posted message belongs to, and whether a 2026-07-28 one may be dispatched.
//!
//! The body decides; a header alone never makes a message one of the newer era. The checks run in a
//! fixed order and the first that fails gives the answer, so that every client sees the same error
//! for the same fault. (MCP 2026-07-28, Streamable HTTP, "Protocol Version Header" and "Server
//! Validation"; the order is the official SDK's.)

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};

use super::{
    Era,
    metadata::{InvalidMetadata, PROTOCOL_VERSION, RequestMetadata},
};
use crate::protocol::{
    MODERN,
    header::{
        mirror::{Mismatch, beginning, check_name},
        value::trim,
    },
    names_modern,
};

const VERSION_HEADER: &str = "MCP-Protocol-Version";
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD_HEADER: &str = "Mcp-Method";
const METHOD: HeaderName = HeaderName::from_static("mcp-method");

/// The parts of a scanned message that decide its era.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Posted<'a> {
    pub(crate) kind: PostedKind,
    /// Empty for a response.
    pub(crate) method: &'a str,
    /// `params._meta`, raw.
    pub(crate) meta: Option<&'a [u8]>,
    /// Whether `params._meta` has a protocol version, of whatever type.
    pub(crate) claims_version: bool,
    /// `params.name`, `params.uri` or `params.taskId`, decoded: what `Mcp-Name` mirrors for this
    /// method, if it mirrors anything.
    pub(crate) name: Option<&'a str>,
}

/// The kind of a posted message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PostedKind {
    Request,
    Notification,
    /// A result or an error.
    Response,
}

/// Why a message is answered without being dispatched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// -32600.
    #[error("a batch cannot carry messages of protocol revision 2026-07-28 or later")]
    Batch,
    /// -32602.
    #[error(transparent)]
    Metadata(#[from] InvalidMetadata),
    /// -32020.
    #[error("{header} is {said:?} but the body says {body:?}")]
    Disagreement { header: &'static str, said: String, body: String },
    /// -32020.
    #[error("the header {0} is missing")]
    HeaderMissing(&'static str),
    /// -32020.
    #[error(transparent)]
    Name(#[from] Mismatch),
    /// -32020.
    #[error("{VERSION_HEADER} names a revision that has no initialize")]
    Initialize,
    /// -32022.
    #[error("unsupported protocol version {requested:?}")]
    UnsupportedVersion { requested: String },
}

/// The era of a message that was posted alone.
pub(crate) fn classify(posted: &Posted<'_>, headers: &HeaderMap) -> Result<Era, Refusal> {
    let names_modern = || header(headers, &VERSION).is_some_and(|version| names_modern(&version));
    match posted.kind {
        PostedKind::Notification if posted.claims_version || names_modern() => Ok(Era::Modern),
        PostedKind::Request if is_claimed(posted) => Ok(Era::Modern),
        PostedKind::Request if names_modern() => Err(match posted.method {
            "initialize" => Refusal::Initialize,
            _ => InvalidMetadata::Missing(PROTOCOL_VERSION).into(),
        }),
        PostedKind::Request | PostedKind::Notification | PostedKind::Response => Ok(Era::Legacy),
    }
}

/// The era of a batch: only the older one has them. The caller checks that the batch is not empty
/// and contains only messages.
pub(crate) fn classify_batch<'a>(
    batch: impl IntoIterator<Item = Posted<'a>>,
) -> Result<Era, Refusal> {
    if batch.into_iter().any(|posted| posted.claims_version) {
        return Err(Refusal::Batch);
    }
    Ok(Era::Legacy)
}

/// Checks a request of the newer era against its headers, up to the point where the method is
/// looked up.
pub(crate) fn validate<'a>(
    posted: &Posted<'a>,
    headers: &HeaderMap,
) -> Result<RequestMetadata<'a>, Refusal> {
    let metadata = metadata(posted)?;
    let version = header(headers, &VERSION);
    let method = header(headers, &METHOD);
    agree(VERSION_HEADER, version.as_deref(), &metadata.version)?;
    agree(METHOD_HEADER, method.as_deref(), posted.method)?;
    if metadata.version != MODERN {
        return Err(Refusal::UnsupportedVersion { requested: beginning(&metadata.version) });
    }
    if version.is_none() {
        return Err(Refusal::HeaderMissing(VERSION_HEADER));
    }
    if method.is_none() {
        return Err(Refusal::HeaderMissing(METHOD_HEADER));
    }
    if let Some(name) = posted.name {
        check_name(headers, name)?;
    }
    Ok(metadata)
}

/// Whether the body makes this a request of the newer era. An `initialize` with faulty metadata
/// does not count: the newer era does not have that method.
fn is_claimed(posted: &Posted<'_>) -> bool {
    if posted.method != "initialize" || !posted.claims_version {
        return posted.claims_version;
    }
    metadata(posted).is_ok_and(|metadata| metadata.version.as_ref() >= MODERN)
}

/// Metadata that is not an object cannot be read.
fn metadata<'a>(posted: &Posted<'a>) -> Result<RequestMetadata<'a>, InvalidMetadata> {
    let meta = posted.meta.filter(|meta| meta.starts_with(b"{"));
    RequestMetadata::parse(meta.and_then(|meta| str::from_utf8(meta).ok()).unwrap_or("{}"))
}

/// A header's value without surrounding white space. If it is repeated or is not text, the result
/// matches no body.
fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<Cow<'h, str>> {
    let mut values =
        headers.get_all(name).iter().map(|value| String::from_utf8_lossy(trim(value.as_bytes())));
    let first = values.next()?;
    Some(values.fold(first, |list, value| format!("{list}, {value}").into()))
}

fn agree(header: &'static str, said: Option<&str>, body: &str) -> Result<(), Refusal> {
    match said {
        Some(said) if said != body => {
            Err(Refusal::Disagreement { header, said: beginning(said), body: beginning(body) })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
