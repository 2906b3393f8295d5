//! A shared 2026-07-28 server: what its handshake clients need in between.
//!
//! Clients of its own era need nothing: ids and progress tokens are replaced as for everybody, and
//! every other byte passes. For handshake clients, each request carries what its client once said
//! about itself, results are translated, questions are asked in the client's form, and the proxy
//! listens for changes on behalf of all of them. Decisions are made in `era::modern_server` and
//! carried out here.

mod asked;
mod asking;
mod bridge;
mod leaving;
mod listening;
mod logging;
mod member;
mod receive;
mod tending;

pub(super) use bridge::Bridge;
pub(crate) use listening::{failure, tell_end, unreported};
pub(crate) use receive::untagged;

/// The request for a stream of changes.
pub(crate) const LISTEN: &str = "subscriptions/listen";
