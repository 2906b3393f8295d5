//! Shows the traffic: one tap, and its readers.
//!
//! Messages pass four points: from a client, to a client, to a server, and from a server. At each
//! of them, and at the beginning and end of sessions and servers, one line of code shows a
//! [`Frame`] to the [`TAP`]. The tap is a global of the process, like the log, so it is not passed
//! through the layers. While nobody watches, a point costs one relaxed load.
//!
//! Each reader has a [`Ring`] of its own, limited in frames and bytes. A reader that is too slow
//! loses the oldest frames, and is told how many. Everything that leaves a ring passes the
//! [`Redaction`] first.

mod exchange;
mod frame;
mod headers;
mod line;
mod object;
mod otlp;
mod recording;
mod redaction;
mod rendered;
mod ring;
mod session;
mod tap;

pub(crate) use exchange::{current as current_exchange, next as next_exchange, within};
pub(crate) use frame::{Detail, Frame, Http, Life, Payload, Point, SignIn};
pub(crate) use headers::Headers;
pub(crate) use line::Scribe;
pub(crate) use otlp::otlp_logs;
pub use recording::Recording;
pub(crate) use recording::{FORMAT, Header, VERSION, numbered};
pub(crate) use redaction::{REDACTED, Redaction};
pub(crate) use ring::Limits;
pub(crate) use session::SessionTag;
pub(crate) use tap::{ServerTag, TAP, Watcher};
