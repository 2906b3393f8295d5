//! The HTTP front: Streamable HTTP and HTTP+SSE on one port.

mod accept;
mod admin;
mod admission;
mod audit;
mod auth;
mod backlog;
mod body;
mod challenge;
mod charset;
mod common;
mod cors;
mod custom_route;
mod denial;
mod elsewhere;
mod events;
mod forwarded;
mod gate;
mod guarded;
#[cfg(not(any(test, feature = "internals")))]
mod head;
#[cfg(any(test, feature = "internals"))]
pub(crate) mod head;
mod header;
mod held;
mod host;
mod listener;
mod mount;
mod overload;
mod port;
mod reject;
mod requester;
mod response;
mod router;
mod routes;
mod seen;
mod selection;
pub(crate) mod session;
mod side_port;
mod sse;
mod streamable;
mod target;
mod terms;
mod ticker;
mod trace_context;
mod well_known;

pub(crate) use common::Common;
pub use denial::Denial;
pub(crate) use guarded::Patience;
pub(crate) use listener::{Entrance, Lifetime, Limits, Listener};
pub(crate) use mount::{Mount, Paths};
pub use port::Meter;
pub(crate) use port::{Behind, Port};
pub(crate) use routes::{Access, Reserved, Routes};
pub(crate) use side_port::SidePort;

#[cfg(test)]
mod tests;
