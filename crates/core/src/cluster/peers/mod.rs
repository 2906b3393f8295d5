//! Connections between replicas: one to each, kept open, with all requests multiplexed on it
//! (HTTP/2).

mod answer;
mod dial;
mod hello;
mod inbound;
mod keeper;
mod listener;
mod outbound;
mod pulse;
mod roster;
mod secure;
mod sending;

pub(crate) use answer::Answer;
pub(crate) use dial::{Link, Unforwarded};
pub(crate) use hello::{Own, Unmet};
pub(crate) use inbound::Inbound;
pub(crate) use keeper::Keeper;
pub(crate) use listener::{Local, PeerPort};
pub(crate) use outbound::Outbound;
pub(crate) use roster::{Counts, Roster, Standing, Unreached};
pub(crate) use secure::Secure;

use std::time::Duration;

/// Bytes of a response that may wait for its reader here. A stream that nobody reads holds this
/// much.
const STREAM_WINDOW: u32 = 64 * 1024;
/// The same for all streams of a connection together: the largest window of HTTP/2, so that unread
/// streams do not delay other streams.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;
/// Longest head of a request or a response.
const MAX_HEAD: u32 = 1024 * 1024;
/// Interval of HTTP/2 pings, and time limit for their answers.
const SIGN_OF_LIFE: Duration = Duration::from_secs(3);
