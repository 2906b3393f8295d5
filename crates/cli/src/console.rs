//! Output besides the log: help, version and usage errors are written at once; lines of a running
//! proxy do not wait for their reader.

use std::io::{self, Write};

/// Writes to stdout.
pub(crate) fn print(text: &str) {
    write(&mut io::stdout().lock(), text);
}

/// Writes bytes to stdout.
pub(crate) fn print_bytes(bytes: &[u8]) {
    let mut output = io::stdout().lock();
    drop(output.write_all(bytes).and_then(|()| output.flush()));
}

/// Replaces the last line on a terminal at stderr.
pub(crate) fn status(text: &str) {
    write(&mut io::stderr().lock(), &format!("\r\u{1b}[K{text}"));
}

/// Writes a line to stderr.
pub(crate) fn complain(text: &str) {
    write(&mut io::stderr().lock(), &format!("{text}\n"));
}

/// A line on stdout of a running proxy.
pub(crate) fn say(line: &str) {
    tracing::info!(target: "mcp_proxy::console", "{line}");
}

/// Lines on stdout of a running proxy; their colours are ours, their words are [`visible`].
///
/// [`visible`]: mcp_proxy_core::telemetry::visible
pub(crate) fn show(lines: &str) {
    tracing::info!(target: "mcp_proxy::console", painted = true, "{lines}");
}

/// The beginning of a line on stdout of a running proxy, if that is a terminal.
pub(crate) fn begin(text: &str) {
    tracing::info!(target: "mcp_proxy::console_beginning", painted = true, "{text}");
}

/// A line on stderr of a running proxy.
pub(crate) fn warn(line: &str) {
    tracing::error!(target: "mcp_proxy::console_error", "{line}");
}

/// Marks a line for the terminal only: it is never sent to a log collector.
pub(crate) const SECRET: &str = "secret";

/// A line with a secret on stderr of a running proxy.
pub(crate) fn confide(line: &str) {
    tracing::error!(target: "mcp_proxy::console_error", secret = true, "{line}");
}

fn write(output: &mut impl Write, text: &str) {
    // If the reader has closed the pipe (`mcp-proxy --help
    // head -1`), that is not a failure.
    drop(output.write_all(text.as_bytes()).and_then(|()| output.flush()));
}
