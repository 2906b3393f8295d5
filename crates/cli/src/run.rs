//! Runs the proxy until it is told to stop.

use std::{io, time::Duration};

use mcp_proxy_core::{
    Inspection, Inspector, Proxy, Recording, StdioServer,
    config::{InspectConfig, ProxyConfig, RecordingConfig, RemoteConfig, Rules, Upstream},
    tunnel::{self, Tunnel},
};
use tokio::runtime::{Builder, Runtime};

use crate::{
    Ending,
    announce::{Announcement, Listening},
    console, guard,
    options::Options,
    paint::Paint,
    signal::Signals,
    telemetry::Installed,
};

/// Logged when the process is told to stop.
pub(crate) const STOPPING: &str = "received shutdown signal; shutting down";

/// Serves according to the options; returns how the process ends.
pub(crate) fn run(mut options: Options, installed: &Installed) -> Ending {
    for warning in &options.warnings {
        tracing::warn!("{warning}");
    }
    options.proxy.metrics.read = installed.sends_metrics();
    let (threads, recording) = (options.threads, options.recording.clone());
    to_the_end(threads, recording.as_ref(), serve(options, installed))
}

/// Runs this to its end; returns how the process ends.
pub(crate) fn to_the_end(
    threads: usize,
    recording: Option<&RecordingConfig>,
    serving: impl Future<Output = Result<Ending, String>>,
) -> Ending {
    outcome_of(threads, recording, serving).unwrap_or_else(|error| {
        console::warn(&format!("could not start the proxy: {error}"));
        Ending::Failure
    })
}

fn outcome_of(
    threads: usize,
    recording: Option<&RecordingConfig>,
    serving: impl Future<Output = Result<Ending, String>>,
) -> Result<Ending, String> {
    // Dropped last, so that what happens at the end is recorded, too.
    let _recording = match recording {
        Some(config) => Some(Recording::start(config).map_err(|error| error.to_string())?),
        None => None,
    };
    let runtime = runtime(threads).map_err(|error| error.to_string())?;
    let outcome = runtime.block_on(serving);
    // A blocking write to a stuck terminal must not keep the process alive.
    runtime.shutdown_timeout(Duration::from_millis(100));
    outcome
}

fn runtime(threads: usize) -> io::Result<Runtime> {
    if threads == 1 {
        Builder::new_current_thread().enable_all().build()
    } else {
        Builder::new_multi_thread().worker_threads(threads).enable_all().build()
    }
}

/// Reaps orphans of servers: the first process of a container must do this.
pub(crate) fn reap() {
    #[cfg(target_os = "linux")]
    drop(tokio::spawn(mcp_proxy_core::reap_orphans()));
}

async fn serve(options: Options, installed: &Installed) -> Result<Ending, String> {
    reap();
    if let (Upstream::Remote(config), true) = (&options.proxy.upstream, options.stdio) {
        return serve_stdio(config, &options.proxy.rules, options.inspection.as_ref()).await;
    }
    let mut signals = Signals::install().map_err(|error| error.to_string())?;
    let exit_on_child_death = options.exit_on_child_death;
    let budget = options.proxy.graceful_shutdown_timeout;
    let inspection = options.inspection.as_ref().map(Inspection::begin);
    let (proxy, _inspector) = tokio::select! {
        started = start(options.proxy, inspection) => started?,
        // The child belongs to the future that is dropped here, and is killed with it.
        () = signals.next() => {
            console::say(STOPPING);
            return Ok(Ending::Success);
        }
    };
    installed.measure(Some(proxy.meter()));
    let opened = tokio::select! {
        opened = open_tunnel(&proxy, options.tunnel) => opened,
        () = signals.next() => {
            console::say(STOPPING);
            return Ok(stop(proxy, None, &mut signals, budget).await);
        }
    };
    let tunnel = match opened {
        Ok(tunnel) => tunnel,
        Err(error) => {
            stop(proxy, None, &mut signals, budget).await;
            return Err(error.to_string());
        }
    };
    tokio::select! {
        () = signals.next() => {
            console::say(STOPPING);
            Ok(stop(proxy, tunnel, &mut signals, budget).await)
        }
        cause = proxy.ended(), if exit_on_child_death => {
            console::warn(&format!("the proxy ends: {cause}"));
            stop(proxy, tunnel, &mut signals, budget).await;
            Ok(Ending::Failure)
        }
    }
}

/// Serves one client on standard input and output; only messages are written there.
async fn serve_stdio(
    config: &RemoteConfig,
    rules: &Rules,
    inspection: Option<&InspectConfig>,
) -> Result<Ending, String> {
    let mut signals = Signals::install().map_err(|error| error.to_string())?;
    let server = StdioServer::new(config).map_err(|error| error.to_string())?;
    let server = server.with_rules(rules.clone());
    let opened = inspection.map(|config| Inspection::begin(config).open()).transpose();
    let inspector = opened.map_err(|error| error.to_string())?;
    if let Some(inspector) = &inspector {
        console::confide(&format!("inspect {}", inspector.url()));
    }
    match server.run_on_standard_streams(signals.next()).await {
        Ok(()) => Ok(Ending::Success),
        Err(interrupted) => {
            console::warn(&format!("the proxy ends: {interrupted}"));
            Ok(Ending::Failure)
        }
    }
}

async fn open_tunnel(
    proxy: &Proxy,
    config: Option<tunnel::Config>,
) -> Result<Option<Tunnel>, tunnel::Error> {
    match config {
        Some(config) => proxy.open_tunnel(config).await.map(Some),
        None => Ok(None),
    }
}

/// Stops within `budget`; another signal stops at once.
async fn stop(
    proxy: Proxy,
    tunnel: Option<Tunnel>,
    signals: &mut Signals,
    budget: Duration,
) -> Ending {
    let stopping = async {
        proxy.close().await;
        if let Some(tunnel) = tunnel {
            tunnel.close().await;
        }
    };
    within(budget, signals, stopping).await
}

/// Waits until everything has stopped; not longer than `budget`, and not after another signal.
pub(crate) async fn within(
    budget: Duration,
    signals: &mut Signals,
    stopping: impl Future<Output = ()>,
) -> Ending {
    tokio::select! {
        () = stopping => Ending::Success,
        () = tokio::time::sleep(budget) => {
            tracing::error!("shutdown took longer than {} ms", budget.as_millis());
            Ending::Failure
        }
        () = signals.next() => Ending::Failure,
    }
}

async fn start(
    config: ProxyConfig,
    inspection: Option<Inspection>,
) -> Result<(Proxy, Option<Inspector>), String> {
    let announcement = Announcement::new(&config, Paint::for_output(&io::stdout()));
    let port = config.http.port;
    let connecting = Proxy::connect_guarded(config, guard::start());
    let connected = connecting.await.map_err(|error| error.to_string())?;
    let server = connected.server_name();
    console::say(&format!("starting server on port {port}"));
    let proxy = connected.listen().await.map_err(|error| error.to_string())?;
    let opened = inspection.map(|inspection| proxy.inspect(inspection)).transpose();
    let inspector = match opened {
        Ok(inspector) => inspector,
        Err(error) => {
            proxy.close().await;
            return Err(error.to_string());
        }
    };
    let url = inspector.as_ref().map(Inspector::url);
    let announced = announcement.text(&Listening {
        address: proxy.address(),
        metrics: proxy.metrics_address(),
        peers: proxy.peer_address(),
        inspector: url.as_deref(),
        server: server.as_deref(),
    });
    console::show(announced.trim_end_matches('\n'));
    Ok((proxy, inspector))
}
