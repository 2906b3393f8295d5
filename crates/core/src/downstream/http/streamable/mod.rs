//! The Streamable HTTP endpoint, for clients of both eras (MCP 2025-11-25 and 2026-07-28).

mod exchange;
mod modern;
mod post;
mod refusal;
mod session;

use std::sync::Arc;

use http::{HeaderMap, header};

use super::{
    header::{PROTOCOL_VERSION, text},
    reject::Rejection,
};
use crate::{
    protocol::{is_legacy, legacy_list},
    relay::Connection,
};

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

/// A version header, where there is one, names a revision that is served: by the server itself,
/// where it has a say.
fn check_version(
    headers: &HeaderMap,
    server: Option<&Arc<dyn Connection>>,
) -> Result<(), Rejection> {
    let Some(version) = text(headers, &PROTOCOL_VERSION) else { return Ok(()) };
    let listed = server.and_then(|server| server.versions());
    let is_served = match listed {
        Some(listed) => listed.iter().any(|one| one == version),
        None => is_legacy(version),
    };
    if is_served {
        return Ok(());
    }
    let instead = listed.map_or_else(legacy_list, |listed| listed.join(", "));
    Err(Rejection::UnsupportedVersion { version: version.to_owned(), served: instead })
}
