//! Traces, metrics and logs for an OpenTelemetry collector (OTLP over HTTP, protobuf), configured
//! only by the standard variables.
//!
//! A signal is sent if `OTEL_EXPORTER_OTLP_ENDPOINT` or its own variant is set, or if its
//! `OTEL_…_EXPORTER` names `otlp`. Without these there is no thread, no client and no layer.

mod client;
mod logs;
mod meter;
mod spans;
mod trouble;
mod wanted;

use std::time::Duration;

use mcp_proxy_core::Meter;
use opentelemetry::{Key, KeyValue};
use opentelemetry_sdk::{Resource, logs::SdkLoggerProvider, trace::SdkTracerProvider};
use tracing_subscriber::filter::Targets;

use super::part::Part;
use client::Client;
use meter::Measuring;
use wanted::Signal;

/// How long the end of the process waits for a collector, for each signal.
const LAST_EXPORT: Duration = Duration::from_secs(3);
/// The service's name if no variable sets one.
const SERVICE: &str = "mcp-proxy";

/// The exporters; the rest is sent when they are dropped.
pub(super) struct Export {
    resource: Resource,
    client: Option<Client>,
    spans: Option<SdkTracerProvider>,
    logs: Option<SdkLoggerProvider>,
    metrics: Option<Measuring>,
    /// Settings in the variables that cannot be applied.
    problems: Vec<String>,
}

impl Export {
    /// The exporters that the environment asks for, with their layers; `None` if there are none.
    pub(super) fn wanted(filter: impl Fn() -> Targets) -> Option<(Self, Vec<Part>)> {
        let mut problems = Vec::new();
        let wanted = Signal::ALL.map(|signal| {
            signal.wanted().unwrap_or_else(|problem| {
                problems.push(problem);
                false
            })
        });
        if !wanted.contains(&true) && problems.is_empty() {
            return None;
        }
        let client = Client::of_environment().map_err(|problem| problems.push(problem)).ok();
        let mut export =
            Self { resource: resource(), client, spans: None, logs: None, metrics: None, problems };
        let mut layers = Vec::new();
        if let Some(client) = export.client.clone().filter(|_| wanted[0]) {
            match spans::layer(&client, export.resource.clone()) {
                Ok((layer, provider)) => {
                    layers.push(layer);
                    export.spans = Some(provider);
                }
                Err(problem) => export.problems.push(problem),
            }
        }
        if let Some(client) = export.client.clone().filter(|_| wanted[2]) {
            match logs::layer(&client, export.resource.clone(), filter()) {
                Ok((layer, provider)) => {
                    layers.push(layer);
                    export.logs = Some(provider);
                }
                Err(problem) => export.problems.push(problem),
            }
        }
        Some((export, layers))
    }

    /// Logs what could not be applied.
    pub(super) fn complain(&mut self) {
        for problem in self.problems.drain(..) {
            tracing::warn!("OpenTelemetry: {problem}");
        }
    }

    /// Whether metrics are sent.
    pub(super) fn sends_metrics(&self) -> bool {
        self.client.is_some() && Signal::Metrics.wanted() == Ok(true)
    }

    /// Sends these metrics from now on.
    pub(super) fn measure(&mut self, meter: Meter) {
        if let Some(client) = self.client.clone().filter(|_| self.sends_metrics()) {
            self.metrics = Measuring::begin(client, &self.resource, meter);
        }
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        drop(self.metrics.take());
        // The log may have ended by now, and a failure has no remedy.
        if let Some(spans) = &self.spans {
            drop(spans.shutdown_with_timeout(LAST_EXPORT));
        }
        if let Some(logs) = &self.logs {
            drop(logs.shutdown_with_timeout(LAST_EXPORT));
        }
    }
}

/// The resource: what the variables say, and what else is known.
fn resource() -> Resource {
    let version = KeyValue::new("service.version", mcp_proxy_core::VERSION);
    let said = Resource::builder().with_attribute(version.clone()).build();
    let name = said.get(&Key::from_static_str("service.name"));
    if name.is_some_and(|name| !name.as_str().starts_with("unknown_service")) {
        return said;
    }
    Resource::builder().with_attribute(version).with_service_name(SERVICE).build()
}
