#![forbid(unsafe_code)]
//! The MCP proxy as a library: HTTP fronts, the servers behind them, and the relay in between.

mod codec;
pub mod config;
mod downstream;
mod era;
mod error;
mod jsonrpc;
mod protocol;
mod proxy;
mod relay;
mod session;
pub mod telemetry;
mod tls;
mod upstream;

pub use error::Error;
pub use proxy::{Connected, Proxy};

/// Version of this crate, of the addon and of the command line.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
