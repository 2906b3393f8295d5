//! Request headers of the 2026-07-28 revision that mirror the body: `Mcp-Name` and `Mcp-Param-*`.
//!
//! `value` reads and writes one header value, `annotation` finds the parameters that a tool's input
//! schema mirrors, `mirror` compares headers with a body and makes them from one. The front uses it
//! to check requests, the client of remote servers to send them. All of it is pure. (MCP
//! 2026-07-28, Streamable HTTP, "Custom Headers" and "Value Encoding"; tools, "x-mcp-header".)

pub(crate) mod annotation;
pub(crate) mod mirror;
pub(crate) mod value;
