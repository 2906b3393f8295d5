//! The servers of a file for a program that embeds the proxy: what `--config` means, without a
//! command line.

use std::{fmt, sync::Arc};

use mcp_proxy_core::{config::FleetConfig, tunnel};

use crate::{
    fleet::Watch,
    options::{Origin, Reading},
};

/// Servers that are listed in a file, or in a text as such a file has it.
pub struct Servers {
    origin: Arc<Origin>,
    watch: Watch,
    tunnel: Option<tunnel::Config>,
}

impl Servers {
    /// The servers of a file: `place` is what `--config` takes.
    ///
    /// # Errors
    /// A sentence with the place in the file.
    pub fn of_file(place: &str) -> Result<(Self, FleetConfig), String> {
        Self::of(Origin::of_file(place).map_err(|error| sentence(&error.to_string()))?)
    }

    /// The servers of a text, which is what a file would hold.
    ///
    /// # Errors
    /// A sentence with the place in the text, in which the file is called `config`.
    pub fn of_text(text: String) -> Result<(Self, FleetConfig), String> {
        Self::of(Origin::of_text(text))
    }

    fn of(origin: Origin) -> Result<(Self, FleetConfig), String> {
        let reading = origin.read().map_err(|error| sentence(&error.to_string()))?;
        let tunnel = reading.process.tunnel.clone();
        let watch = Watch::of(origin.file());
        Ok((Self { watch, origin: Arc::new(origin), tunnel }, told(reading)))
    }

    /// The tunnel that the file asks for.
    pub fn tunnel(&self) -> Option<&tunnel::Config> {
        self.tunnel.as_ref()
    }

    /// Waits until the file has changed, and says what it says now.
    ///
    /// # Errors
    /// A sentence with the place in the file; what was said before should go on.
    pub async fn changed(&mut self) -> Result<FleetConfig, String> {
        self.watch.changed().await;
        let origin = Arc::clone(&self.origin);
        let read = tokio::task::spawn_blocking(move || origin.read()).await;
        let reading = read.map_err(|error| error.to_string())?;
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
