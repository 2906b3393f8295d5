//! The log as records of OpenTelemetry: what is written to standard error, as severe as there.

use mcp_proxy_core::telemetry::{CALLS, CONSOLE, CONSOLE_ERROR, SERVER, TRAFFIC, server};
use opentelemetry::{InstrumentationScope, logs::LogRecord as _};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::LogExporter;
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    logs::{LogProcessor, SdkLogRecord, SdkLoggerProvider},
};
use tracing::Metadata;
use tracing_subscriber::{
    Layer as _,
    filter::{Targets, filter_fn},
};

use super::{
    super::{BEGINNING, OURS, Part},
    client::Client,
    trouble::Noted,
};
use crate::console::SECRET;

/// The layer that exports what `filter` lets through, and what must be shut down.
pub(super) fn layer(
    client: &Client,
    resource: Resource,
    filter: Targets,
) -> Result<(Part, SdkLoggerProvider), String> {
    let exporter = client.lend(LogExporter::builder().with_http()).build();
    let exporter = exporter.map_err(|error| format!("logs are not sent: {error}"))?;
    let provider = SdkLoggerProvider::builder()
        .with_log_processor(Named)
        .with_batch_exporter(Noted::new(exporter, "logs"))
        .with_resource(resource)
        .build();
    let bridge = OpenTelemetryTracingBridge::new(&provider);
    let wanted = filter_fn(move |metadata| match metadata.target() {
        CONSOLE_ERROR | SERVER => !is_secret(metadata),
        target => is_exported(target) && filter.would_enable(target, metadata.level()),
    });
    Ok((bridge.with_filter(wanted).boxed(), provider))
}

/// Says which of several servers a record is about.
#[derive(Debug)]
struct Named;

impl LogProcessor for Named {
    fn emit(&self, record: &mut SdkLogRecord, _: &InstrumentationScope) {
        if let Some(server) = server() {
            record.add_attribute("server", server.to_string());
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
}

/// Messages are not exported, nor what only the screen shows: a URL with a token is among it. What
/// libraries log is not, either: what they log while they export would be exported.
fn is_exported(target: &str) -> bool {
    target.starts_with(OURS) && !matches!(target, BEGINNING | CALLS | CONSOLE | TRAFFIC)
}

/// Whether it is for the eyes of whoever sees the terminal only.
fn is_secret(metadata: &Metadata<'_>) -> bool {
    metadata.fields().field(SECRET).is_some()
}
