//! Spans of calls. If a call's request carries a trace, its span belongs to that trace.

use std::{collections::HashMap, fmt, time::SystemTime};

use mcp_proxy_core::telemetry::CALLS;
use opentelemetry::{
    Context, KeyValue,
    propagation::TextMapPropagator,
    trace::{Span as _, SpanKind, Status, Tracer as _, TracerProvider as _},
};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{SdkTracer, SdkTracerProvider},
};
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, filter::filter_fn, layer, registry::LookupSpan};

use super::{super::part::Part, client::Client, trouble::Noted};

/// The layer that exports, and the provider to shut down.
pub(super) fn layer(
    client: &Client,
    resource: Resource,
) -> Result<(Part, SdkTracerProvider), String> {
    let exporter = client.lend(SpanExporter::builder().with_http()).build();
    let exporter = exporter.map_err(|error| format!("traces are not sent: {error}"))?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(Noted::new(exporter, "traces"))
        .with_resource(resource)
        .build();
    let export = Export { tracer: provider.tracer("mcp-proxy") };
    let calls = filter_fn(|metadata| metadata.is_span() && metadata.target() == CALLS);
    Ok((export.with_filter(calls).boxed(), provider))
}

/// Turns spans into OpenTelemetry spans when they close.
struct Export {
    tracer: SdkTracer,
}

/// What is known about an open span.
struct Open {
    started: SystemTime,
    fields: HashMap<String, String>,
}

impl<S> Layer<S> for Export
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: layer::Context<'_, S>) {
        let mut open = Open { started: SystemTime::now(), fields: HashMap::new() };
        attributes.record(&mut open);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(open);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: layer::Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            values.record(open);
        }
    }

    fn on_close(&self, id: Id, context: layer::Context<'_, S>) {
        let open = context.span(&id).and_then(|span| span.extensions_mut().remove::<Open>());
        if let Some(open) = open {
            self.export(open);
        }
    }
}

impl Export {
    fn export(&self, open: Open) {
        let Open { started, fields } = open;
        let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
        let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &fields);
        let (method, target) = (field("method"), field("target"));
        let name = format!("{method} {target}");
        let kind = match method.as_str() {
            "tools/call" => "gen_ai.tool.name",
            "prompts/get" => "gen_ai.prompt.name",
            _ => "mcp.resource.uri",
        };
        let attributes = [
            ("rpc.system", "jsonrpc".to_owned()),
            ("mcp.method.name", method),
            (kind, target.clone()),
            ("mcp.target", target),
            ("mcp.session.id", field("session")),
            ("mcp.outcome", field("outcome")),
        ];
        let attributes = attributes.into_iter().filter(|(_, value)| !value.is_empty());
        let mut span = self
            .tracer
            .span_builder(name.trim().to_owned())
            .with_kind(SpanKind::Server)
            .with_start_time(started)
            .with_attributes(attributes.map(|(key, value)| KeyValue::new(key, value)))
            .start_with_context(&self.tracer, &parent);
        if matches!(field("outcome").as_str(), "error" | "failed") {
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

impl Visit for Open {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name().to_owned(), value.to_owned());
    }
}
