//! Spans at an OpenTelemetry collector. The executable under test is one with the feature `otlp`,
//! so these run by `node scripts/telemetry.mjs` only.
#![cfg(test)]
#![cfg(unix)]

mod collector;
#[path = "../support/mod.rs"]
mod support;

use collector::{Collector, Span};
use support::{Launch, Proxy, Request, Session, call};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";
/// In milliseconds; what is seen before it was sent because the process ended.
const LONG: &str = "600000";
/// Codes of OTLP.
const SERVER: u64 = 2;
const ERROR: u64 = 2;

fn exporting(endpoint: &str, delay: &str) -> Launch {
    Launch::new("echo")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .env("OTEL_SERVICE_NAME", "edge")
        .env("OTEL_BSP_SCHEDULE_DELAY", delay)
}

fn traced(proxy: &Proxy, session: &Session<'_>) {
    let parent = format!("00-{TRACE}-{PARENT}-01");
    let request = session.request(call("1", "echo", r#"{"text":"a"}"#));
    let request: Request = request.header("traceparent", &parent);
    assert_eq!(proxy.send(&request).status, 200);
}

fn assert_is_call(span: &Span, session: &str) {
    assert_eq!(span.service, "edge");
    assert_eq!((span.trace.as_str(), span.parent.as_str()), (TRACE, PARENT));
    assert_eq!((span.kind, span.status), (SERVER, 0));
    assert!(span.start > 0 && span.start <= span.end, "{span:?}");
    let attributes = [
        ("rpc.system", "jsonrpc"),
        ("mcp.method.name", "tools/call"),
        ("mcp.target", "echo"),
        ("mcp.session.id", &session[..8]),
        ("mcp.outcome", "ok"),
    ];
    for (name, value) in attributes {
        assert_eq!(span.attribute(name), Some(value), "{span:?}");
    }
}

#[test]
#[ignore = "needs the feature `otlp`"]
fn a_call_becomes_a_span_of_its_trace() {
    let collector = Collector::start();
    let proxy = exporting(&collector.url(), "50").flags(&["--traceContext"]).start();
    let session = proxy.session();
    traced(&proxy, &session);
    assert_is_call(&collector.span("tools/call echo"), &session.id);
    let failed = session.call("2", "no-such-tool", "{}");
    assert!(failed.contains("\"error\""), "{failed}");
    let failed = collector.span("tools/call no-such-tool");
    assert_eq!((failed.status, failed.attribute("mcp.outcome")), (ERROR, Some("error")));
    assert!(failed.trace != TRACE && failed.parent.is_empty(), "{failed:?}");
    let opened = collector.span("initialize");
    assert_eq!(opened.attribute("mcp.target"), None);
}

#[test]
#[ignore = "needs the feature `otlp`"]
fn what_is_left_is_sent_at_the_end() {
    let collector = Collector::start();
    let proxy = exporting(&collector.url(), LONG).flags(&["--traceContext"]).start();
    let session = proxy.session();
    traced(&proxy, &session);
    let id = session.id;
    let finished = proxy.terminate();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    assert_is_call(&collector.span("tools/call echo"), &id);
}

#[test]
#[ignore = "needs the feature `otlp`"]
fn a_collector_that_is_not_there_costs_no_call() {
    let nowhere = Collector::start().url();
    let proxy = exporting(&nowhere, "50").start();
    let session = proxy.session();
    for _ in 0..10 {
        session.assert_healthy();
    }
    let finished = proxy.terminate();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
}
