//! Runs the proxy until it is told to stop.

use std::{io, process::ExitCode, time::Duration};

use mcp_proxy_core::{
    Proxy,
    config::{ProxyConfig, UpstreamProtocol},
};
use tokio::runtime::{Builder, Runtime};

use crate::{announce, console, options::Options, signal::Signals};

/// Serves as the options say; the exit code is that of the process.
pub(crate) fn run(options: Options) -> ExitCode {
    for warning in &options.warnings {
        tracing::warn!("{warning}");
    }
    let outcome = match runtime(options.threads) {
        Ok(runtime) => {
            let outcome = runtime.block_on(serve(options));
            // A blocking write to a stuck terminal must not keep the process.
            runtime.shutdown_timeout(Duration::from_millis(100));
            outcome
        }
        Err(error) => Err(error.to_string()),
    };
    outcome.unwrap_or_else(|error| {
        console::complain(&format!("could not start the proxy: {error}"));
        ExitCode::FAILURE
    })
}

fn runtime(threads: usize) -> io::Result<Runtime> {
    if threads == 1 {
        Builder::new_current_thread().enable_all().build()
    } else {
        Builder::new_multi_thread().worker_threads(threads).enable_all().build()
    }
}

async fn serve(options: Options) -> Result<ExitCode, String> {
    let unavailable = |flag: &str| Err(format!("{flag} is not available yet"));
    if options.tunnel.is_some() {
        return unavailable("--tunnel");
    }
    if options.proxy.upstream.protocol != UpstreamProtocol::Legacy {
        return unavailable("--upstreamProtocol auto|modern");
    }
    let mut signals = Signals::install().map_err(|error| error.to_string())?;
    let budget = options.proxy.graceful_shutdown_timeout;
    let started = tokio::select! {
        started = start(options.proxy) => started,
        // The child was started with the future that is dropped here, and is killed with it.
        () = signals.next() => {
            console::print("received shutdown signal; shutting down\n");
            return Ok(ExitCode::SUCCESS);
        }
    };
    let proxy = started?;
    signals.next().await;
    console::print("received shutdown signal; shutting down\n");
    Ok(tokio::select! {
        () = proxy.close() => ExitCode::SUCCESS,
        () = tokio::time::sleep(budget) => {
            tracing::error!("shutdown took longer than {} ms", budget.as_millis());
            ExitCode::FAILURE
        }
        () = signals.next() => ExitCode::FAILURE,
    })
}

async fn start(config: ProxyConfig) -> Result<Proxy, String> {
    let announcement = announce::Announcement::new(&config);
    let port = config.http.port;
    let connected = Proxy::connect(config).await.map_err(|error| error.to_string())?;
    let server = connected.server_name();
    console::print(&format!("starting server on port {port}\n"));
    let proxy = connected.listen().await.map_err(|error| error.to_string())?;
    console::print(&announcement.text(proxy.address(), server.as_deref()));
    Ok(proxy)
}
