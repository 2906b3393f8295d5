//! Runs the proxy until it is told to stop.

use std::process::ExitCode;

use crate::options::Options;

/// Serves as the options say; the exit code is that of the process.
pub(crate) fn run(options: Options) -> ExitCode {
    let Options { proxy, debug: _, tunnel, threads, warnings } = options;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let subdomain = tunnel.map(|tunnel| tunnel.subdomain);
    tracing::debug!(?proxy, ?subdomain, threads, "configuration");
    ExitCode::SUCCESS
}
