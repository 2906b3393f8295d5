//! The HTTP front: Streamable HTTP and HTTP+SSE on one port.

mod admin;
mod auth;
mod body;
mod challenge;
mod cors;
mod events;
mod front;
mod host;
mod listener;
mod reject;
mod response;
mod router;
mod sse;
mod streamable;
mod target;

pub(crate) use front::Front;
pub(crate) use listener::Listener;
