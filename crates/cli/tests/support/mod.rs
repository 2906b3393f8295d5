//! The real binary in front of a fixture, and a client that writes and reads raw bytes.
//!
//! Nothing here knows the proxy's code: a test sees what any peer sees. Every read has a deadline,
//! every process is stopped when its owner is dropped, and nothing sleeps to wait.
#![cfg(test)]
#![allow(dead_code, unused_imports, reason = "every test target uses a part of this")]

mod event;
mod http;
pub(crate) mod issuer;
mod modern;
mod process;
mod proxy;
pub(crate) mod scrape;
mod session;
mod stdio;

pub(crate) use event::{Event, EventStream};
pub(crate) use http::{Connection, Incoming, Request, Response};
pub(crate) use issuer::Issuer;
pub(crate) use modern::{MODERN, Modern};
pub(crate) use process::{Printed, fixture, is_gone, wait_for};
pub(crate) use proxy::{Finished, Launch, Proxy};
pub(crate) use session::{Kept, Session, Sse, call, initialize, initialize_with};
pub(crate) use stdio::Direct;

use std::time::Duration;

/// How long anything may take before a test fails; generous, for a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// The newest revision of the 2025 era.
pub(crate) const LATEST: &str = "2025-11-25";
