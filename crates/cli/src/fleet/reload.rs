//! Follows a file: applies its changes to the running proxy.

use std::{sync::Arc, thread};

use mcp_proxy_core::{Fleet, Reloaded, fleet::printable};
use tokio::sync::oneshot::{self, error::RecvError};

use super::screen::Screen;
use crate::{
    args::UsageError,
    options::{Origin, Process, Reading},
    watch::Watch,
};

/// Reads a file again, on a thread of its own: what a thread of a pool has once held for it stays with that thread.
pub(crate) async fn read(origin: &Arc<Origin>) -> Result<Result<Reading, UsageError>, RecvError> {
    let (read, reading) = oneshot::channel();
    let origin = Arc::clone(origin);
    drop(thread::Builder::new().spawn(move || drop(read.send(origin.read()))));
    reading.await
}

/// The followed file, and its last content.
pub(super) struct Following {
    origin: Arc<Origin>,
    watch: Watch,
    /// The initial configuration.
    process: Process,
    /// The last reported problem of an automatic reload; it is not reported again.
    said: Option<String>,
    warnings: Vec<String>,
}

impl Following {
    pub(super) fn new(origin: Arc<Origin>, reading: Reading) -> Self {
        Self {
            watch: Watch::of(origin.file(), origin.stamp()),
            origin,
            process: reading.process,
            said: None,
            warnings: reading.warnings,
        }
    }

    /// Waits until the file has changed.
    pub(super) async fn changed(&mut self) {
        self.watch.changed().await;
    }

    /// Reads the file again; if it cannot be used, nothing changes. `asked` says whether a user has
    /// requested it.
    pub(super) async fn reload(&mut self, fleet: &Fleet, screen: &mut Screen, asked: bool) {
        let file = self.origin.file().map(|file| printable(&file.display().to_string()));
        let file = file.unwrap_or_else(|| "the command line".to_owned());
        let reading = match read(&self.origin).await {
            Ok(Ok(reading)) => reading,
            Ok(Err(error)) => return self.keep(fleet, &file, &error.to_string(), asked),
            Err(error) => return self.keep(fleet, &file, &error.to_string(), asked),
        };
        for warning in reading.warnings.iter().filter(|it| !self.warnings.contains(it)) {
            tracing::warn!("{warning}");
        }
        let reloaded = match fleet.reload(reading.fleet.clone()) {
            Ok(reloaded) => reloaded,
            Err(error) => return self.keep(fleet, &file, &error.to_string(), asked),
        };
        screen.follow(&reading);
        let text = self.text(&reloaded, &reading);
        self.warnings = reading.warnings;
        let text = match text {
            None if self.said.as_deref().is_some_and(|said| said.starts_with(UNUSABLE)) => {
                Some("can be used again, and nothing has changed".to_owned())
            }
            None if asked => Some("is unchanged".to_owned()),
            text => text,
        };
        if asked || text != self.said {
            if let Some(text) = &text {
                screen.say(&format!("{file}: {text}"));
            }
            self.said = text;
        }
    }

    fn keep(&mut self, fleet: &Fleet, file: &str, problem: &str, asked: bool) {
        let problem = printable(problem.strip_prefix("Error: ").unwrap_or(problem));
        fleet.reload_failed(problem.clone());
        let text = format!("{UNUSABLE}: {problem}");
        if asked || self.said.as_ref() != Some(&text) {
            tracing::warn!("{file} {text}");
            self.said = Some(text);
        }
    }

    /// The changes, for people; empty if there are none.
    fn text(&self, reloaded: &Reloaded, reading: &Reading) -> Option<String> {
        let mut parts = Vec::new();
        let mut list = |what: &str, names: &[String]| {
            if !names.is_empty() {
                parts.push(format!("{what} {}", printable(&names.join(", "))));
            }
        };
        list("added", &reloaded.added);
        list("removed", &reloaded.removed);
        list("restarted", &reloaded.replaced);
        list("the rules have changed for", &reloaded.retuned);
        if reloaded.settings {
            parts.push("the settings have changed".to_owned());
        }
        let mut waiting: Vec<&str> = reloaded.needs_restart.clone();
        waiting.extend(self.process.differs(&reading.process));
        if !waiting.is_empty() {
            parts.push(format!("needs a restart: {}", waiting.join(", ")));
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// The beginning of a line about a file that cannot be used.
const UNUSABLE: &str = "cannot be used, so the servers go on as before";
