//! The servers of a file for an embedding program: `--config` without a command line.

use std::{fmt, sync::Arc};

use mcp_proxy_core::{config::FleetConfig, tunnel};

use crate::{
    fleet::read,
    options::{Origin, Reading},
    watch::Watch,
};

/// Servers from a file, or from a text in the format of such a file.
pub struct Servers {
    origin: Arc<Origin>,
    watch: Watch,
    tunnel: Option<tunnel::Config>,
}

impl Servers {
    /// The servers of a file; `place` is a value of `--config`.
    ///
    /// # Errors
    /// A sentence with the place in the file.
    pub fn of_file(place: &str) -> Result<(Self, FleetConfig), String> {
        Self::of(Origin::of_file(place).map_err(|error| sentence(&error.to_string()))?)
    }

    /// The servers in a text, which has the format of a file.
    ///
    /// # Errors
    /// A sentence with the place in the text; the file's name in it is `config`.
    pub fn of_text(text: String) -> Result<(Self, FleetConfig), String> {
        Self::of(Origin::of_text(text))
    }

    fn of(origin: Origin) -> Result<(Self, FleetConfig), String> {
        let reading = origin.read().map_err(|error| sentence(&error.to_string()))?;
        let tunnel = reading.process.tunnel.clone();
        let watch = Watch::of(origin.file(), origin.stamp());
        Ok((Self { watch, origin: Arc::new(origin), tunnel }, told(reading)))
    }

    /// The tunnel that the file configures.
    pub fn tunnel(&self) -> Option<&tunnel::Config> {
        self.tunnel.as_ref()
    }

    /// Waits until the file has changed; returns its new content.
    ///
    /// # Errors
    /// A sentence with the place in the file; the previous configuration should stay.
    pub async fn changed(&mut self) -> Result<FleetConfig, String> {
        self.watch.changed().await;
        let reading = read(&self.origin).await.map_err(|error| error.to_string())?;
        reading.map(told).map_err(|error| sentence(&error.to_string()))
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers").field("file", &self.origin.file()).finish_non_exhaustive()
    }
}

fn told(reading: Reading) -> FleetConfig {
    for warning in &reading.warnings {
        tracing::warn!("{warning}");
    }
    reading.fleet
}

fn sentence(error: &str) -> String {
    error.strip_prefix("Error: ").unwrap_or(error).to_owned()
}
