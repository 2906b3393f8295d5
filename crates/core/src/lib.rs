#![forbid(unsafe_code)]
//! The MCP proxy as a library: HTTP fronts, the servers behind them, and the relay in between.

mod cluster;
mod codec;
pub mod config;
pub mod doctor;
mod downstream;
mod era;
mod error;
pub mod fleet;
pub mod host;
mod identity;
mod inspect;
#[cfg(any(test, feature = "internals"))]
#[doc(hidden)]
pub mod internals;
pub mod metrics;
mod protocol;
mod proxy;
mod relay;
mod replay;
mod runtime;
mod sdk_bridge;
pub mod telemetry;
mod tls;
pub mod tunnel;
mod upstream;
mod watch;

use mcp_proxy_jsonrpc as jsonrpc;

pub use downstream::http::{Denial, Meter};
pub use error::Error;
pub use identity::static_tokens::{MadeToken, make_token};
pub use inspect::{Inspection, Inspector};
pub use protocol::MODERN;
pub use proxy::{
    Arrival, Arrivals, Arrived, Connected, Conversation, Fleet, HttpServer, Interrupted, Listening,
    Proxy, Reloaded, Servers, StdioServer, Unanswered, Unusable, check_auth, sign_out,
    sign_out_everywhere,
};
pub use relay::Unsent;
pub use replay::{Form, Player, Report, Unreadable, Verified, look_at_recording, verify};
#[cfg(target_os = "linux")]
pub use runtime::orphans::reap_orphans;
pub use sdk_bridge::{
    Gate, LeaseId, ListenEnd, OpenCalls, Passage, ProgressTokens, Reason, ShareEffect, Shares,
    Wish, untagged,
};
pub use upstream::{Guard, groups_left};
pub use watch::Recording;

/// Version of this crate, of the addon and of the command line.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
