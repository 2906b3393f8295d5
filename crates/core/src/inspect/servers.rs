//! The servers that are running now.

use serde::Serialize;

use super::shown::Shown;
use crate::{
    metrics::{own_usage, usage_of_groups},
    watch::TAP,
};

/// The state for which the page polls every few seconds.
#[derive(Serialize)]
pub(super) struct State {
    version: &'static str,
    /// Whether the page may open a client of its own.
    console: bool,
    redacted: bool,
    /// Memory of the proxy in bytes, if the system reports it.
    memory: Option<u64>,
    servers: Vec<Server>,
}

#[derive(Serialize)]
struct Server {
    number: u32,
    name: String,
    pid: Option<u32>,
    /// Milliseconds since its start.
    age: u128,
    /// Resident bytes, including the processes that it has started.
    memory: Option<u64>,
    cpu: Option<f64>,
    processes: Option<u64>,
}

pub(super) fn state(shown: &Shown) -> State {
    let servers = TAP.servers().into_iter().map(|(number, running)| {
        let usage = running.pid.and_then(|pid| usage_of_groups(&[pid]));
        Server {
            number,
            name: running.name,
            pid: running.pid,
            age: running.since.elapsed().as_millis(),
            memory: usage.as_ref().map(|usage| usage.resident_bytes),
            cpu: usage.as_ref().map(|usage| usage.cpu_seconds),
            processes: usage.as_ref().map(|usage| usage.processes),
        }
    });
    State {
        version: crate::VERSION,
        console: shown.consoles.is_some(),
        redacted: shown.scribe().redacts(),
        memory: own_usage().map(|usage| usage.resident_bytes),
        servers: servers.collect(),
    }
}
