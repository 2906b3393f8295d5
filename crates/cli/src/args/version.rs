//! The output of `--version`: the version alone on the first line, then how the executable was
//! built.

use std::env::consts::{ARCH, OS};

/// The commit from which a release is built.
const COMMIT: Option<&str> = option_env!("MCP_PROXY_BUILD_COMMIT");

const LIBC: &str = if cfg!(target_env = "musl") {
    "-musl"
} else if cfg!(target_env = "gnu") {
    "-gnu"
} else if cfg!(target_env = "msvc") {
    "-msvc"
} else {
    ""
};

/// Version, commit, target and features, one line each.
pub(super) fn long() -> String {
    let features = if cfg!(feature = "otlp") { "otlp" } else { "none" };
    format!(
        "{}\ncommit   {}\ntarget   {ARCH}-{OS}{LIBC}\nfeatures {features}\n",
        mcp_proxy_core::VERSION,
        COMMIT.unwrap_or("unknown (not a release build)"),
    )
}
