//! Node-API addon: translates the JavaScript options of the `mcp-proxy` package into the Rust core.

mod answer;
pub mod authentication;
mod bridge;
pub mod command;
pub mod event;
mod fleet;
pub mod gate;
mod head;
mod invalid;
pub mod log;
mod options;
pub mod replay;
mod route;
mod runtime;
pub mod server;
pub mod shares;
pub mod stdio;

use napi_derive::napi;

/// Version of the native core, the same as the package's.
#[napi]
pub fn core_version() -> &'static str {
    mcp_proxy_core::VERSION
}

/// `Access-Control-Allow-Headers` by default.
#[napi]
pub fn default_allowed_headers() -> Vec<String> {
    mcp_proxy_core::config::DEFAULT_ALLOWED_HEADERS.map(str::to_owned).to_vec()
}

/// How many events a store keeps by default.
#[napi]
pub fn default_max_events() -> u32 {
    u32::try_from(mcp_proxy_core::config::DEFAULT_EVENT_STORE_MAX_EVENTS).unwrap_or(u32::MAX)
}

/// The revision of MCP without a handshake.
#[napi]
pub fn modern_revision() -> &'static str {
    mcp_proxy_core::MODERN
}
