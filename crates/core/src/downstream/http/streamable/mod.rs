//! The Streamable HTTP endpoint, for clients of both eras (MCP 2025-11-25 and 2026-07-28).

mod exchange;
mod modern;
mod post;
mod refusal;
mod session;

use http::{HeaderMap, header};

use super::{
    front::{PROTOCOL_VERSION, text},
    reject::Rejection,
};
use crate::protocol::is_legacy;

/// `Accept` has to name every one of these types.
fn check_accept(
    headers: &HeaderMap,
    types: &[&str],
    refusal: &'static str,
) -> Result<(), Rejection> {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let accepted: Vec<&str> = accepted.collect();
    let named = |wanted: &&str| accepted.iter().any(|accept| accept.contains(*wanted));
    if types.iter().all(named) { Ok(()) } else { Err(Rejection::NotAcceptable(refusal)) }
}

/// Whether the body is declared to be JSON, with whatever parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = text(headers, &header::CONTENT_TYPE) else { return false };
    let essence = value.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// A version header, where there is one, names a revision that is served.
fn check_version(headers: &HeaderMap) -> Result<(), Rejection> {
    match text(headers, &PROTOCOL_VERSION) {
        Some(version) if !is_legacy(version) => {
            Err(Rejection::UnsupportedVersion(version.to_owned()))
        }
        _ => Ok(()),
    }
}
