#![forbid(unsafe_code)]
//! The MCP proxy as a library.

pub mod config;
mod era;
mod protocol;

/// Version of this crate, of the addon and of the command line.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
