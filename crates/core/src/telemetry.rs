//! Where the core's words go: `tracing` events, two targets of which are console lines.
//!
//! Scripts wait for some lines that the original prints, so those keep their text; a skin prints
//! events of these two targets verbatim to stdout and stderr.

/// Target of lines that belong on standard output, word for word.
pub const CONSOLE: &str = "mcp_proxy::console";
/// Target of lines that belong on standard error, word for word.
pub const CONSOLE_ERROR: &str = "mcp_proxy::console_error";
/// Target of the message traffic, for debugging.
pub const TRAFFIC: &str = "mcp_proxy::traffic";

/// Prints a line on standard output.
macro_rules! console {
    ($($text:tt)+) => { ::tracing::info!(target: "mcp_proxy::console", $($text)+) };
}

/// Prints a line on standard error.
macro_rules! console_error {
    ($($text:tt)+) => { ::tracing::error!(target: "mcp_proxy::console_error", $($text)+) };
}

/// Notes a message on its way; costs nothing unless somebody listens.
macro_rules! traffic {
    ($direction:literal, $bytes:expr) => {
        ::tracing::debug!(
            target: "mcp_proxy::traffic",
            "{} {}", $direction, String::from_utf8_lossy($bytes)
        )
    };
}

pub(crate) use {console, console_error, traffic};
