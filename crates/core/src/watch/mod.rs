//! Seeing what passes: one tap, and those who read it.
//!
//! Messages pass four points: what a client sends, what it is sent, what is written to a server,
//! and what a server writes. At each of them, and where something begins or ends, there is one line
//! that shows a [`Frame`] to the [`TAP`]. The tap is one value of the process, as the log is:
//! nothing has to be handed through the layers, and while nobody watches a point costs one relaxed
//! load.
//!
//! A reader has a [`Ring`] of its own, bounded in frames and bytes. A reader that is too slow loses
//! the oldest frames, and is told how many. What leaves a ring passes the [`Redaction`] first.

mod exchange;
mod frame;
mod line;
mod otlp;
mod recording;
mod redaction;
mod ring;
mod session;
mod tap;

pub(crate) use exchange::{current as current_exchange, next as next_exchange, within};
pub(crate) use frame::{Detail, Frame, Http, Life, Payload, Point, SignIn};
pub(crate) use line::Scribe;
pub(crate) use otlp::otlp_logs;
pub use recording::Recording;
pub(crate) use recording::{FORMAT, Header, VERSION, numbered};
pub(crate) use redaction::{REDACTED, Redaction};
pub(crate) use ring::Limits;
pub(crate) use session::SessionTag;
pub(crate) use tap::{ServerTag, TAP, Watcher};
