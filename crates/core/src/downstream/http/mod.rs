//! The HTTP front: Streamable HTTP and HTTP+SSE on one port.

mod accept;
mod admin;
mod admission;
mod answer;
mod auth;
mod backlog;
mod behind;
mod body;
mod challenge;
mod charset;
mod common;
mod connection;
mod cors;
mod custom_route;
mod denial;
mod elsewhere;
mod events;
mod forwarded;
mod gate;
mod guarded;
mod handed_back;
mod handed_over;
#[cfg(not(any(test, feature = "internals")))]
mod head;
#[cfg(any(test, feature = "internals"))]
pub(crate) mod head;
mod header;
mod held;
mod host;
mod listener;
mod local;
mod mount;
mod origin;
mod overload;
mod phase;
mod port;
mod reject;
mod requester;
mod reserved;
mod response;
mod router;
mod routes;
mod seen;
mod selection;
pub(crate) mod session;
mod shared_rates;
mod side_port;
mod sockets;
mod sse;
mod sse_sessions;
mod streamable;
mod target;
mod terms;
mod ticker;
mod trace_context;
mod well_known;

pub(crate) use behind::Behind;
pub(crate) use common::Common;
pub(crate) use connection::Lifetime;
pub use denial::Denial;
pub(crate) use guarded::Patience;
pub(crate) use listener::{Entrance, Limits, Listener};
pub(crate) use mount::{Mount, Paths};
pub use port::Meter;
pub(crate) use port::Port;
pub(crate) use reserved::{Access, Reserved};
pub(crate) use routes::Routes;
pub(crate) use side_port::SidePort;
pub(crate) use sockets::Sharing;

#[cfg(test)]
mod tests;
