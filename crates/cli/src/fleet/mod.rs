//! Runs a proxy with many servers until it is told to stop, and applies changes of its file.

mod reload;
mod screen;

use std::{io, sync::Arc};

use mcp_proxy_core::{
    Arrivals, Fleet, Inspection, Inspector,
    tunnel::{self, Tunnel},
};

use crate::{
    Ending, console, guard,
    options::{FleetOptions, Reading},
    paint::Paint,
    run::{self, STOPPING},
    signal::{Request, Signals},
    telemetry::Installed,
};
pub(crate) use reload::read;

use reload::Following;
use screen::{Opened, Screen};

/// Serves according to the options; returns how the process ends.
pub(crate) fn run(mut options: FleetOptions, installed: &Installed) -> Ending {
    for warning in &options.reading.warnings {
        tracing::warn!("{warning}");
    }
    options.reading.fleet.metrics.read = installed.sends_metrics();
    let process = options.reading.process.clone();
    run::to_the_end(process.threads, process.recording.as_ref(), async {
        run::reap();
        let signals = Signals::install().map_err(|error| error.to_string())?;
        if options.stdio {
            serve_stdio(options, signals).await
        } else {
            serve(options, signals, installed).await
        }
    })
}

async fn serve(
    options: FleetOptions,
    mut signals: Signals,
    installed: &Installed,
) -> Result<Ending, String> {
    let FleetOptions { origin, reading, .. } = options;
    let mut screen = Screen::new(&origin, &reading, Paint::for_output(&io::stdout()));
    let budget = reading.fleet.graceful_shutdown_timeout;
    console::say(&format!("starting server on port {}", reading.fleet.http.port));
    let inspection = inspection(&reading);
    let started = Fleet::start(reading.fleet.clone(), guard::start(), None);
    let mut fleet = started.map_err(|error| error.to_string())?;
    if let Err(error) = fleet.check_store().await {
        stop(fleet, None, &mut signals, budget).await;
        return Err(error.to_string());
    }
    installed.measure(fleet.meter());
    let arrivals = fleet.arrivals();
    let inspector = open(inspection)?;
    if let Some(address) = fleet.address() {
        let inspection = inspector.as_ref().map(Inspector::url);
        screen.begin(&Opened { address, metrics: fleet.metrics_address(), inspection });
    }
    let opened = tokio::select! {
        opened = open_tunnel(&fleet, reading.process.tunnel.clone()) => opened,
        () = signals.next() => {
            console::say(STOPPING);
            return Ok(stop(fleet, None, &mut signals, budget).await);
        }
    };
    let tunnel = match opened {
        Ok(tunnel) => tunnel,
        Err(error) => {
            stop(fleet, None, &mut signals, budget).await;
            return Err(error.to_string());
        }
    };
    let mut following = Following::new(Arc::new(origin), reading);
    follow(&fleet, arrivals, &mut screen, &mut following, &mut signals).await;
    console::say(STOPPING);
    Ok(stop(fleet, tunnel, &mut signals, budget).await)
}

/// Serves one client on standard input and output; only messages are written there.
async fn serve_stdio(options: FleetOptions, mut signals: Signals) -> Result<Ending, String> {
    let FleetOptions { origin, reading, .. } = options;
    let mut screen = Screen::silent(&reading);
    let budget = reading.fleet.graceful_shutdown_timeout;
    let inspection = inspection(&reading);
    let started = Fleet::start_without_port(reading.fleet.clone(), guard::start());
    let mut fleet = started.map_err(|error| error.to_string())?;
    let arrivals = fleet.arrivals();
    let inspector = open(inspection)?;
    if let Some(inspector) = &inspector {
        console::confide(&format!("inspect {}", inspector.url()));
    }
    let mut following = Following::new(Arc::new(origin), reading);
    let stopped = follow(&fleet, arrivals, &mut screen, &mut following, &mut signals);
    let ended = fleet.run_on_standard_streams(stopped).await;
    let ending = stop(fleet, None, &mut signals, budget).await;
    match ended {
        Ok(()) => Ok(ending),
        Err(interrupted) => {
            console::warn(&format!("the proxy ends: {interrupted}"));
            Ok(Ending::Failure)
        }
    }
}

/// Shows the servers' starts and applies changes of the file, until the process is told to stop.
async fn follow(
    fleet: &Fleet,
    mut arrivals: Arrivals,
    screen: &mut Screen,
    following: &mut Following,
    signals: &mut Signals,
) {
    loop {
        tokio::select! {
            request = signals.request() => match request {
                Request::Stop => return,
                Request::Reload => following.reload(fleet, screen, true).await,
            },
            () = following.changed() => following.reload(fleet, screen, false).await,
            Some(arrival) = arrivals.next() => screen.arrived(&arrival),
        }
    }
}

/// Keeps all traffic from now on for the inspection page, if that is enabled.
fn inspection(reading: &Reading) -> Option<Inspection> {
    reading.process.inspection.as_ref().map(Inspection::begin)
}

/// Opens the inspection page.
fn open(inspection: Option<Inspection>) -> Result<Option<Inspector>, String> {
    inspection.map(Inspection::open).transpose().map_err(|error| error.to_string())
}

async fn open_tunnel(
    fleet: &Fleet,
    config: Option<tunnel::Config>,
) -> Result<Option<Tunnel>, tunnel::Error> {
    match config {
        Some(config) => fleet.open_tunnel(config).await.map(Some),
        None => Ok(None),
    }
}

/// Stops within `budget`; another signal stops at once.
async fn stop(
    fleet: Fleet,
    tunnel: Option<Tunnel>,
    signals: &mut Signals,
    budget: std::time::Duration,
) -> Ending {
    let stopping = async {
        fleet.close().await;
        if let Some(tunnel) = tunnel {
            tunnel.close().await;
        }
    };
    run::within(budget, signals, stopping).await
}
