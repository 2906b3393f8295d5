//! `--doctor`: examines the configured server, reports progress on standard error, and prints the
//! findings.

mod page;
mod watch;

use std::{io, sync::Arc};

use mcp_proxy_core::{
    config::{ServerConfig, Upstream},
    doctor::{Report, Severity, examine, unexamined, unusable},
};
use tokio::{runtime::Builder, task::JoinSet};

use crate::{Ending, console, guard, paint::Paint};

/// What is examined.
#[derive(Debug)]
pub(crate) struct Examining {
    pub(crate) patients: Vec<Patient>,
    /// Whether the report is for a program.
    pub(crate) json: bool,
}

/// Something to examine.
#[derive(Debug)]
pub(crate) enum Patient {
    /// A server; one from a file has a name.
    Server(Option<String>, Upstream),
    /// A server that cannot be examined; if there is no reason, it is switched off.
    Unexamined(String, Option<String>),
    /// A file that cannot be used, and why.
    File(String),
}

impl Patient {
    /// A server of a file.
    pub(crate) fn of(server: ServerConfig) -> Self {
        match server.upstream {
            _ if !server.enabled => Self::Unexamined(server.name, None),
            Ok(upstream) => Self::Server(Some(server.name), upstream),
            Err(reason) => Self::Unexamined(server.name, Some(reason)),
        }
    }
}

/// Examines; returns how the process ends.
pub(crate) fn run(examining: Examining) -> Ending {
    let Examining { patients, json } = examining;
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            console::complain(&error.to_string());
            return Ending::Failure;
        }
    };
    let reports = runtime.block_on(all(patients));
    runtime.shutdown_background();
    if json {
        console::print(&format!("{}\n", page::document(&reports)));
    } else {
        console::print(&page::text(&reports, Paint::for_output(&io::stdout())));
    }
    let errors: usize = reports.iter().map(|report| report.count(Severity::Error)).sum();
    if errors == 0 { Ending::Success } else { Ending::Unwell }
}

/// Examines all servers concurrently; the reports are in the order of the servers.
async fn all(patients: Vec<Patient>) -> Vec<Report> {
    let watching = watch::watching();
    let guard = guard::start();
    let mut running = JoinSet::new();
    let mut reports = Vec::new();
    for (index, patient) in patients.into_iter().enumerate() {
        match patient {
            Patient::Server(name, upstream) => {
                let examined = examine(name, upstream, guard.clone(), Arc::clone(&watching));
                running.spawn(async move { (index, examined.await) });
            }
            Patient::Unexamined(name, reason) => {
                reports.push((index, unexamined(name, reason.as_deref())));
            }
            Patient::File(reason) => reports.push((index, unusable(&reason))),
        }
    }
    reports.extend(running.join_all().await);
    reports.sort_by_key(|(index, _)| *index);
    reports.into_iter().map(|(_, report)| report).collect()
}
