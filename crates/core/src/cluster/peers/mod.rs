//! Connections between replicas: one to each, kept, with all requests side by side on it (HTTP/2).

mod dial;
mod hello;
mod keeper;
mod listener;
mod roster;
mod secure;

pub(crate) use dial::{Link, Unsent};
pub(crate) use hello::{Own, Unmet};
pub(crate) use keeper::Keeper;
pub(crate) use listener::{Local, PeerPort};
pub(crate) use roster::{Counts, Roster, Standing, Unreached};
pub(crate) use secure::Secure;

use std::time::Duration;

/// Bytes that a response may be ahead of its reader here. A stream that nobody reads holds as much.
const STREAM_WINDOW: u32 = 64 * 1024;
/// The same for all streams of a connection together: as much as HTTP/2 knows, so that streams that
/// are not read hold up nobody else.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;
/// Longest head of a request or a response.
const MAX_HEAD: u32 = 1024 * 1024;
/// How often the other side is asked for a sign of life, and how long it may take to give one.
const SIGN_OF_LIFE: Duration = Duration::from_secs(3);
