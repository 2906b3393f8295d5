//! The Streamable HTTP endpoint, for clients of both eras (MCP 2025-11-25 and 2026-07-28).

mod exchange;
mod modern;
mod post;
mod refusal;
mod revive;
mod session;

use std::sync::Arc;

use http::{HeaderMap, header};

use super::{
    accept::Accepted,
    header::{PROTOCOL_VERSION, text},
    reject::Rejection,
};
use crate::{
    downstream::http::session::{Encoding, Session},
    protocol::{is_legacy, legacy_list, primes_streams},
    relay::Connection,
};

/// The form of the answer for this client: as usual, unless it accepts only one form.
fn encoding(headers: &HeaderMap, usual: Encoding) -> Result<Encoding, Rejection> {
    match Accepted::by(headers) {
        Accepted { json: true, events: true } => Ok(usual),
        Accepted { json: true, events: false } => Ok(Encoding::Json),
        Accepted { json: false, events: true } => Ok(Encoding::EventStream),
        Accepted { json: false, events: false } => Err(Rejection::NotAcceptable(NO_TYPE)),
    }
}

const NO_TYPE: &str = "Client must accept application/json or text/event-stream";
const NO_EVENTS: &str = "Client must accept text/event-stream";

/// Whether the client accepts an event stream, for answers that have no other form.
fn check_events(headers: &HeaderMap) -> Result<(), Rejection> {
    if Accepted::by(headers).events { Ok(()) } else { Err(Rejection::NotAcceptable(NO_EVENTS)) }
}

/// The answer to a request whose session has ended since it was found.
fn ended(session: &Session) -> Rejection {
    if session.is_elsewhere() { Rejection::ReplicaAway } else { Rejection::UnknownSession }
}

/// Whether the client understands a stream that begins with an event without a message.
fn primes(headers: &HeaderMap, session: &Session) -> bool {
    match text(headers, &PROTOCOL_VERSION) {
        Some(version) => primes_streams(version),
        None => session.primes(),
    }
}

/// Whether the body's content type is JSON, with any parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = text(headers, &header::CONTENT_TYPE) else { return false };
    let essence = value.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// Whether a version header names a revision that is supported; if the server itself decides, it is
/// asked.
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
