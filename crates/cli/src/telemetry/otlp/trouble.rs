//! If a collector refuses everything, one warning is logged, not one for every attempt.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    logs::{LogBatch, LogExporter},
    trace::{SpanData, SpanExporter},
};

/// Whether the last attempt to send has failed.
#[derive(Debug)]
pub(super) struct Trouble {
    what: &'static str,
    is_there: AtomicBool,
}

impl Trouble {
    /// For this signal.
    pub(super) const fn with(what: &'static str) -> Self {
        Self { what, is_there: AtomicBool::new(false) }
    }

    /// Notes the result of an attempt, and logs it if it has changed.
    pub(super) fn note(&self, outcome: Result<(), impl fmt::Display>) {
        let what = self.what;
        match outcome {
            Err(error) if !self.is_there.swap(true, Ordering::Relaxed) => tracing::warn!(
                "OpenTelemetry: {what} cannot be sent and are lost until the collector takes them: \
                 {error}"
            ),
            Ok(()) if self.is_there.swap(false, Ordering::Relaxed) => {
                tracing::info!("OpenTelemetry: {what} are sent again");
            }
            _ => {}
        }
    }
}

/// An exporter whose results are noted.
#[derive(Debug)]
pub(super) struct Noted<E> {
    inner: E,
    trouble: Trouble,
}

impl<E> Noted<E> {
    /// This exporter of that signal.
    pub(super) fn new(inner: E, what: &'static str) -> Self {
        Self { inner, trouble: Trouble::with(what) }
    }
}

impl<E: SpanExporter> SpanExporter for Noted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let outcome = self.inner.export(batch).await;
        self.trouble.note(outcome.as_ref().copied());
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: LogExporter> LogExporter for Noted<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let outcome = self.inner.export(batch).await;
        self.trouble.note(outcome.as_ref().copied());
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
