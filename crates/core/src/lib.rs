#![forbid(unsafe_code)]
//! The MCP proxy as a library.

pub mod config;
pub mod tunnel;

/// Version of this crate, of the addon and of the command line.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
