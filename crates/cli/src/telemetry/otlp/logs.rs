//! The log as OpenTelemetry records: the lines of standard error, with the same levels.

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
    super::part::{BEGINNING, OURS, Part},
    client::Client,
    trouble::Noted,
};
use crate::console::SECRET;

/// The layer that exports what passes `filter`, and the provider to shut down.
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

/// Adds the server that a record is about, if there are several.
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

/// Messages are not exported, nor lines for the terminal only, since one contains a URL with a
/// token. Log lines of libraries are not exported either, because exporting would cause more of
/// them.
fn is_exported(target: &str) -> bool {
    target.starts_with(OURS) && !matches!(target, BEGINNING | CALLS | CONSOLE | TRAFFIC)
}

/// Whether it is for the terminal only.
fn is_secret(metadata: &Metadata<'_>) -> bool {
    metadata.fields().field(SECRET).is_some()
}
