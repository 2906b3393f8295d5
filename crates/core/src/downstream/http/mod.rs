//! The HTTP front: Streamable HTTP and HTTP+SSE on one port.

mod admin;
mod auth;
mod body;
mod challenge;
mod charset;
mod cors;
mod custom_route;
mod denial;
mod events;
mod front;
mod gate;
mod guarded;
mod held;
mod host;
mod listener;
mod metrics_port;
mod overload;
mod reject;
mod response;
mod router;
pub(crate) mod session;
mod sse;
mod streamable;
mod target;
mod ticker;
mod trace_context;

pub use denial::Denial;
pub(crate) use front::{Behind, Front};
pub(crate) use guarded::Patience;
pub(crate) use listener::{Entrance, Limits, Listener};
pub(crate) use metrics_port::MetricsPort;
