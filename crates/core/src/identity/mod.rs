//! Who is calling: an OAuth resource server (RFC 6750, RFC 8707, RFC 9068, RFC 9728) and static
//! tokens.
//!
//! What decides is pure: [`token`] verifies, `issuer::machine` says when keys are fetched,
//! [`challenge`] and [`metadata`] say what a client is told. Around it are the sources that it is
//! asked about: issuers with their keys, introspection, and a file of static tokens.

pub(crate) mod cache;
pub(crate) mod challenge;
pub(crate) mod credential;
pub(crate) mod introspection;
pub(crate) mod issuer;
pub(crate) mod metadata;
#[cfg(any(test, feature = "internals"))]
pub(crate) mod oracle;
pub(crate) mod resource_server;
pub(crate) mod static_tokens;
pub(crate) mod token;
pub(crate) mod well_known;

use std::time::{SystemTime, UNIX_EPOCH};

/// The time that tokens are held against.
pub(crate) fn now() -> token::Seconds {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
