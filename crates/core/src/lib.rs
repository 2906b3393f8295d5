#![forbid(unsafe_code)]
//! The MCP proxy as a library: HTTP fronts, the servers behind them, and the relay in between.

mod codec;
pub mod config;
mod downstream;
mod era;
mod error;
pub mod host;
mod http_server;
#[cfg(any(test, feature = "internals"))]
#[doc(hidden)]
pub mod internals;
mod jsonrpc;
mod metrics;
mod ports;
mod protocol;
mod proxy;
mod relay;
mod seats;
mod session;
mod standard_streams;
mod stdio_server;
mod sync;
mod task;
pub mod telemetry;
mod tls;
pub mod tunnel;
mod upstream;

pub use downstream::http::Denial;
pub use error::Error;
pub use http_server::{HttpServer, Servers};
pub use protocol::MODERN;
pub use proxy::{Connected, Proxy};
pub use relay::{
    Gate, LeaseId, ListenEnd, Passage, ProgressTokens, Reason, ShareEffect, Shares, Unsent, Wish,
    untagged,
};
pub use stdio_server::{Interrupted, StdioServer, Unusable};
pub use upstream::{Guard, groups_left};

/// Version of this crate, of the addon and of the command line.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
