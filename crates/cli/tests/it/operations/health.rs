//! `/livez`, `/readyz` and `/ping`: always true, open to everybody, without secrets.

use serde_json::json;

use crate::support::{Connection, Launch, Proxy, Request, Response, call};

fn assert_ready(answer: &Response) {
    assert_eq!((answer.status, answer.json()), (200, json!({ "ready": true })));
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[test]
fn a_proxy_whose_server_answers_is_live_and_ready() {
    let proxy = Proxy::of("echo");
    let live = proxy.send(&Request::get("/livez"));
    assert_eq!((live.status, live.json()), (200, json!({ "live": true })));
    assert_ready(&proxy.send(&Request::get("/readyz")));
    assert_eq!(proxy.send(&Request::get("/ping")).text(), "pong");
}

#[test]
fn health_needs_no_key_and_nothing_but_reading_the_exact_path() {
    let proxy = Launch::new("echo").flags(&["--apiKey", "secret"]).start();
    for path in ["/livez", "/readyz"] {
        assert_eq!(proxy.send(&Request::get(path)).status, 200, "{path}");
        assert_eq!(proxy.send(&Request::new("HEAD", path)).status, 200, "{path}");
        for request in [
            Request::post(path, "{}"),
            Request::new("DELETE", path),
            Request::get(&format!("{path}?verbose")),
            Request::get(&format!("/x/..{path}")),
        ] {
            assert_eq!(proxy.send(&request).status, 401, "{request:?}");
        }
    }
}

#[test]
fn a_dead_server_makes_the_proxy_unready_with_a_reason_and_leaves_it_live() {
    let proxy = Launch::new("exit-after 1")
        .flags(&["--apiKey", "secret", "--metricsPort", "0", "--restart", "never"])
        .start();
    let keyed = |request: Request| request.header("X-API-Key", "secret");
    let id = open(&proxy, &keyed);
    let request = keyed(Request::mcp(call("1", "echo", "{}")).session(&id));
    let answer = proxy.send(&request).message();
    let answer: serde_json::Value = serde_json::from_str(&answer).expect("a message");
    assert_eq!(answer["error"]["data"]["outcome"], "exited with code 3");
    let unready = proxy.send(&Request::get("/readyz"));
    let reason = &answer["error"]["message"];
    let expected = json!({ "ready": false, "state": "stopped", "reason": reason });
    assert_eq!((unready.status, unready.json()), (503, expected));
    assert_eq!(proxy.send(&Request::new("HEAD", "/readyz")).status, 503);
    assert_eq!(proxy.send(&Request::get("/livez")).status, 200);
    assert_eq!(proxy.send(&Request::get("/ping")).text(), "pong");
    let scrape = crate::operations::scrape::Scrape::of(&proxy);
    assert_eq!(scrape.value("mcp_proxy_ready"), Some(0.0));
    assert_eq!(scrape.value("mcp_proxy_servers"), Some(0.0));
    let failed = r#"mcp_proxy_calls_total{method="tools/call",tool="other",outcome="failed"}"#;
    assert_eq!(scrape.value(failed), Some(1.0));
}

fn open(proxy: &Proxy, keyed: &dyn Fn(Request) -> Request) -> String {
    let initialize = crate::support::initialize(crate::support::LATEST);
    let answer = proxy.send(&keyed(Request::mcp(initialize)));
    answer.header("mcp-session-id").expect("a session").to_owned()
}

#[test]
fn the_metrics_port_tells_health_too_but_not_to_a_rebound_page() {
    let proxy = Launch::new("echo").flags(&["--metricsPort", "0"]).start();
    let port = crate::operations::scrape::port(&proxy);
    let ask = |request: &Request| Connection::to(port).exchange(request);
    assert_ready(&ask(&Request::get("/readyz")));
    assert_eq!(ask(&Request::get("/livez")).status, 200);
    assert_eq!(ask(&Request::get("/mcp")).status, 404);
    let rebound = Request::get("/metrics")
        .header("Host", "evil.example")
        .header("Origin", "http://evil.example");
    assert_eq!(ask(&rebound).status, 403);
}

/// A server for each client: ready until one cannot be started, and again when one can.
#[test]
fn servers_on_demand_are_ready_while_they_can_be_started() {
    let directory = tempfile::tempdir().expect("a directory");
    let cure = directory.path().join("cure");
    let fixture = crate::support::fixture().display().to_string();
    let script = format!(
        "if [ -e {} ]; then exec {fixture} echo; fi; echo secret >&2; exit 3",
        cure.display()
    );
    let flags = ["--isolation", "session", "--metricsPort", "0"];
    let proxy = Launch::of(&["sh", "-c", &script]).flags(&flags).start();
    assert_ready(&proxy.send(&Request::get("/readyz")));
    let initialize = crate::support::initialize(crate::support::LATEST);
    let answer = proxy.send(&Request::mcp(initialize)).message();
    assert!(answer.contains("exited with code 3"), "{answer}");
    let unready = proxy.send(&Request::get("/readyz"));
    let reason = "the MCP server exited with code 3";
    let expected = json!({ "ready": false, "state": "failing", "reason": reason });
    assert_eq!((unready.status, unready.header("retry-after")), (503, Some("1")));
    assert_eq!(unready.json(), expected);
    assert_eq!(crate::operations::scrape::Scrape::of(&proxy).value("mcp_proxy_ready"), Some(0.0));
    std::fs::write(&cure, "").expect("a file");
    crate::support::wait_for("it is ready again", || {
        (proxy.send(&Request::get("/readyz")).status == 200).then_some(())
    });
    proxy.session().assert_healthy();
}

#[test]
fn what_a_server_says_before_it_dies_is_not_told_to_everybody() {
    let script = "echo secret >&2; exit 3";
    let proxy = Launch::of(&["sh", "-c", script]).flags(&["--listenEarly"]).start();
    let unready = crate::support::wait_for("the failure is known", || {
        let answer = proxy.send(&Request::get("/readyz"));
        answer.text().contains("exited with code 3").then_some(answer)
    });
    assert_eq!(unready.status, 503);
    assert!(!unready.text().contains("secret"), "{}", unready.text());
}
