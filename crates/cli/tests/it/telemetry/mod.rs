//! Traces, metrics and logs at an OpenTelemetry collector, enabled by the standard variables.

mod collector;
mod protobuf;

use std::{fs, net::TcpListener, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};

use crate::support::{Launch, Proxy, Request, Session, call, scrape::Scrape, wait_for};
use collector::{Collector, Span};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";
/// In milliseconds; what arrives earlier was sent because the process ended.
const LONG: &str = "600000";
/// Codes of OTLP.
const SERVER: u64 = 2;
const ERROR: u64 = 2;

fn exporting(endpoint: &str, delay: &str) -> Launch {
    Launch::new("echo")
        .env("OTEL_METRIC_EXPORT_INTERVAL", delay)
        .env("OTEL_BLRP_SCHEDULE_DELAY", delay)
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
        ("gen_ai.tool.name", "echo"),
        ("mcp.session.id", &session[..8]),
        ("mcp.outcome", "ok"),
    ];
    for (name, value) in attributes {
        assert_eq!(span.attribute(name), Some(value), "{span:?}");
    }
}

#[test]
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
fn a_collector_that_is_not_there_costs_no_call() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("a port");
    let nowhere = format!("http://{closed}");
    let proxy = exporting(&nowhere, "50").start();
    let session = proxy.session();
    for _ in 0..10 {
        session.assert_healthy();
    }
    for what in ["traces", "metrics", "logs"] {
        let warning = format!("OpenTelemetry: {what} cannot be sent");
        proxy.stderr.line(|line| line.contains(&warning)).expect("a warning");
    }
    let finished = proxy.terminate();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
    // However many attempts there are.
    for what in ["traces", "metrics", "logs"] {
        let warning = format!("OpenTelemetry: {what} cannot be sent");
        assert_eq!(finished.stderr.matches(&warning).count(), 1, "{}", finished.stderr);
    }
}

#[test]
fn metrics_have_the_names_and_numbers_of_the_metrics_page() {
    let collector = Collector::start();
    let proxy = exporting(&collector.url(), LONG).flags(&["--metricsPort", "0"]).start();
    let session = proxy.session();
    session.assert_healthy();
    session.call("7", "echo", r#"{"text":"a"}"#);
    let page = Scrape::of(&proxy);
    let finished = proxy.terminate();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let sent = collector.metrics();
    let calls = sent.iter().find(|metric| metric.name == "mcp_proxy_calls").expect("calls");
    assert!(calls.is_monotonic, "{calls:?}");
    let number =
        page.value(r#"mcp_proxy_calls_total{method="tools/call",tool="other",outcome="ok"}"#);
    let labels = [("method", "tools/call"), ("tool", "other"), ("outcome", "ok")];
    assert!(number.is_some());
    assert_eq!(calls.number(&labels), number, "{calls:?}");
    let names: Vec<_> = sent.iter().map(|metric| metric.name.as_str()).collect();
    for name in page.families() {
        assert!(names.contains(&name.as_str()), "{name} is not in {names:?}");
    }
    let latency = "mcp_proxy_call_duration_seconds";
    let latency = sent.iter().find(|metric| metric.name == latency).expect("latencies");
    assert_eq!((latency.unit.as_str(), latency.bounds), ("s", 14), "{latency:?}");
}

#[test]
fn metrics_are_counted_and_sent_though_nobody_serves_them() {
    let collector = Collector::start();
    let proxy = exporting(&collector.url(), "50").start();
    proxy.session().assert_healthy();
    wait_for("a call that was counted", || {
        let sent = collector.metrics();
        let calls = sent.into_iter().rfind(|metric| metric.name == "mcp_proxy_calls");
        calls.filter(|metric| {
            metric.number(&[("method", "initialize"), ("outcome", "ok")]) == Some(1.0)
        })
    });
}

#[test]
fn the_log_is_sent_without_messages_and_screens() {
    let collector = Collector::start();
    let proxy = exporting(&collector.url(), "50")
        .flags(&["--debug", "--inspect", "--inspectPort", "0"])
        .start();
    let session = proxy.session();
    session.call("1", "echo", r#"{"text":"a secret"}"#);
    let refused = proxy.send(&Request::new("GET", "/mcp").header("mcp-session-id", "nobody"));
    assert!(refused.status >= 400);
    let finished = proxy.terminate();
    let logs = collector.logs();
    assert!(!logs.is_empty() && !logs.iter().any(|log| log.contains("a secret")), "{logs:?}");
    assert!(finished.stderr.contains("a secret"), "{}", finished.stderr);
    assert!(!logs.iter().any(|log| log.contains("inspect http")), "{logs:?}");
}

#[test]
fn each_signal_is_sent_or_not_as_the_variables_say() {
    let collector = Collector::start();
    let proxy = exporting(&collector.url(), "50")
        .env("OTEL_METRICS_EXPORTER", "none")
        .env("OTEL_LOGS_EXPORTER", "none")
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b")
        .start();
    proxy.session().assert_healthy();
    collector.span("initialize");
    let finished = proxy.terminate();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    assert_eq!(collector.paths(), ["/v1/traces"]);
    assert_eq!(collector.header("x-key").as_deref(), Some("a b"));
}

#[test]
fn what_cannot_be_done_is_said() {
    let proxy = Launch::new("echo")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        .start();
    proxy.session().assert_healthy();
    let finished = proxy.terminate();
    assert!(finished.stderr.contains("which is not built in"), "{}", finished.stderr);
}

#[test]
fn what_is_sent_may_be_compressed() {
    let collector = Collector::start();
    let proxy = exporting(&collector.url(), "50")
        .env("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        .flags(&["--debug"])
        .start();
    proxy.session().assert_healthy();
    assert_eq!(collector.span("initialize").service, "edge");
    assert_eq!(collector.header("content-encoding").as_deref(), Some("gzip"));
    let counted =
        || collector.metrics().into_iter().find(|metric| metric.name == "mcp_proxy_calls");
    wait_for("metrics", counted);
    proxy.terminate();
    assert!(!collector.logs().is_empty());
}

#[test]
fn a_collector_may_have_a_certificate_of_its_own_and_require_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = authority.self_signed(&authority_key).expect("a certificate");
    let authority = rcgen::Issuer::new(authority, authority_key);
    let signed = |name: &str| {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([name.to_owned()]).expect("a name");
        (params.signed_by(&key, &authority).expect("a certificate"), key)
    };
    let (client, client_key) = signed("edge");
    fs::write(file("ca.pem"), root.pem()).expect("a file");
    fs::write(file("client.pem"), client.pem()).expect("a file");
    fs::write(file("client-key.pem"), client_key.serialize_pem()).expect("a file");
    let (server, server_key) = signed("localhost");
    let server_key: PrivateKeyDer<'static> =
        PrivatePkcs8KeyDer::from(server_key.serialize_der()).into();
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone()).expect("a root");
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(verifier.build().expect("a verifier"))
        .with_single_cert(vec![server.der().clone()], server_key)
        .expect("a certificate");
    let collector = Collector::secured(config);
    let url = format!("https://localhost:{}", collector.port());
    let trusting = || exporting(&url, "50").env("OTEL_EXPORTER_OTLP_CERTIFICATE", &file("ca.pem"));

    let unknown = trusting().start();
    unknown.session().assert_healthy();
    let warning = "OpenTelemetry: traces cannot be sent";
    unknown.stderr.line(|line| line.contains(warning)).expect("a warning");
    drop(unknown);
    assert!(collector.paths().is_empty(), "{:?}", collector.paths());

    let known = trusting()
        .env("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", &file("client.pem"))
        .env("OTEL_EXPORTER_OTLP_CLIENT_KEY", &file("client-key.pem"))
        .start();
    known.session().assert_healthy();
    assert_eq!(collector.span("initialize").service, "edge");
}
