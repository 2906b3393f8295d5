#![forbid(unsafe_code)]
//! The `mcp-proxy` command as a separate program.

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    mcp_proxy_cli::run(env::args_os().skip(1).collect()).into()
}
