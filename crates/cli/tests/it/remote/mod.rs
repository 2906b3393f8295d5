//! End-to-end tests of a remote server behind the native binary, one module per area.
//!
//! The remote server is a script of this test: it writes the bytes that it is told to, good and
//! bad, and records what it receives.

mod chain;
mod client;
mod faults;
mod front;
mod lost;
mod modern;
mod modern_faults;
pub(crate) mod server;
mod sessions;
mod sloppy;
mod sse;
mod streams;
mod turn;
mod way;

use crate::support;
