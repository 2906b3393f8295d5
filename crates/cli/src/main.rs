#![forbid(unsafe_code)]
//! The `mcp-proxy` command.

fn main() {}
