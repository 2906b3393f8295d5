//! Remote servers, over Streamable HTTP or HTTP+SSE.
//!
//! [`Remote`] is the backend; a `Channel` is one client's session with the server, from the
//! handshake to `DELETE`. If the server has forgotten a session, it is reopened with everything
//! that the client had set, and the client does not notice. A 2026-07-28 server has no sessions:
//! `modern/` carries the messages of all clients to it.

mod arrival;
mod attempts;
mod auth;
mod backend;
mod channel;
mod client;
mod cookies;
mod dispatch;
mod distrust;
mod endpoint;
mod exchange;
mod fault;
mod handshake;
mod listen;
mod messages;
mod modern;
mod origin;
mod pings;
mod remote;
mod session;
mod site;

pub(crate) use auth::{sign_out, sign_out_everywhere, stored_token};
pub(crate) use client::tls_config;
pub(crate) use endpoint::probe;
pub(crate) use fault::chain as error_chain;
pub(crate) use remote::Remote;
