//! The metrics after known traffic.

use crate::{
    operations::scrape::{Scrape, port, settles},
    support::{Connection, Kept, Launch, Proxy, Request, Sse, call},
};

fn counted(mode: &str) -> Proxy {
    Launch::new(mode).flags(&["--metricsPort", "0"]).start()
}

#[test]
fn known_traffic_gives_exactly_these_series() {
    let proxy = counted("echo");
    let session = proxy.session();
    session.post(r#"{"jsonrpc":"2.0","id":0,"method":"tools/list"}"#);
    session.call("1", "echo", r#"{"text":"a"}"#);
    session.call("2", "echo", r#"{"text":"b"}"#);
    session.call("3", "no-such-tool", "{}");
    session.post(r#"{"jsonrpc":"2.0","id":4,"method":"vendor/one"}"#);
    session.post(r#"{"jsonrpc":"2.0","id":5,"method":"vendor/two"}"#);
    session.post("not json");
    proxy.send(&Request::get("/nowhere"));
    let mut sse = Sse::initialized(&proxy);
    sse.ask(&call("6", "echo", r#"{"text":"c"}"#));
    settles(&proxy, "mcp_proxy_connections", 1.0);
    let scrape = Scrape::of(&proxy);
    assert_eq!(
        scrape.family("mcp_proxy_calls_total"),
        [
            r#"mcp_proxy_calls_total{method="initialize",outcome="ok"} 2"#,
            r#"mcp_proxy_calls_total{method="tools/list",outcome="ok"} 1"#,
            r#"mcp_proxy_calls_total{method="other",outcome="ok"} 2"#,
            r#"mcp_proxy_calls_total{method="tools/call",tool="echo",outcome="ok"} 3"#,
            r#"mcp_proxy_calls_total{method="tools/call",tool="other",outcome="error"} 1"#,
        ]
    );
    assert_eq!(
        scrape.family("mcp_proxy_call_duration_seconds_count"),
        [
            r#"mcp_proxy_call_duration_seconds_count{method="initialize"} 2"#,
            r#"mcp_proxy_call_duration_seconds_count{method="tools/list"} 1"#,
            r#"mcp_proxy_call_duration_seconds_count{method="other"} 2"#,
            r#"mcp_proxy_call_duration_seconds_count{method="tools/call",tool="echo"} 3"#,
            r#"mcp_proxy_call_duration_seconds_count{method="tools/call",tool="other"} 1"#,
        ]
    );
    assert_eq!(
        scrape.family("mcp_proxy_http_responses_total"),
        [
            r#"mcp_proxy_http_responses_total{status="200"} 8"#,
            r#"mcp_proxy_http_responses_total{status="202"} 4"#,
            r#"mcp_proxy_http_responses_total{status="400"} 1"#,
            r#"mcp_proxy_http_responses_total{status="404"} 1"#,
        ]
    );
    assert_eq!(
        scrape.family("mcp_proxy_rejected_requests_total"),
        [
            r#"mcp_proxy_rejected_requests_total{reason="invalid_message"} 1"#,
            r#"mcp_proxy_rejected_requests_total{reason="not_found"} 1"#,
        ]
    );
    gauges_are_those_of_known_traffic(&scrape);
}

fn gauges_are_those_of_known_traffic(scrape: &Scrape) {
    for (series, value) in [
        (r#"mcp_proxy_sessions{transport="streamable_http"}"#, 1.0),
        (r#"mcp_proxy_sessions{transport="sse"}"#, 1.0),
        ("mcp_proxy_streams", 1.0),
        ("mcp_proxy_calls_in_flight", 0.0),
        (r#"mcp_proxy_queued_bytes{to="clients"}"#, 0.0),
        (r#"mcp_proxy_queued_bytes{to="servers"}"#, 0.0),
        ("mcp_proxy_slow_readers_cut_total", 0.0),
        ("mcp_proxy_ready", 1.0),
        ("mcp_proxy_servers", 1.0),
        ("mcp_proxy_server_restarts_total", 0.0),
        // A priming event and an answer for each of the seven POSTs with a request.
        ("mcp_proxy_event_store_events", 14.0),
    ] {
        assert_eq!(scrape.value(series), Some(value), "{series}");
    }
    assert!(scrape.value("mcp_proxy_event_store_bytes").unwrap() > 0.0);
    if cfg!(target_os = "linux") {
        assert_eq!(scrape.value("mcp_proxy_server_processes"), Some(1.0));
        assert!(scrape.value("mcp_proxy_server_resident_memory_bytes").unwrap() > 0.0);
        assert!(scrape.value("mcp_proxy_server_open_fds").unwrap() >= 3.0);
        assert!(scrape.value("process_resident_memory_bytes").unwrap() > 0.0);
    }
}

#[test]
fn bytes_are_those_on_the_wire() {
    let proxy = counted("echo");
    let before = Scrape::of(&proxy);
    let request = Request::get("/nowhere");
    let bytes = request.bytes();
    let mut connection = proxy.connect();
    connection.write(&bytes);
    connection.response();
    let after = Scrape::of(&proxy);
    let grown = |series: &str| after.value(series).unwrap() - before.value(series).unwrap();
    let sent = f64::from(u32::try_from(bytes.len()).unwrap());
    assert!((grown("mcp_proxy_received_bytes_total") - sent).abs() < f64::EPSILON);
    assert!(grown("mcp_proxy_sent_bytes_total") > 50.0);
}

#[test]
fn ten_thousand_names_of_tools_and_methods_add_no_series() {
    let proxy = counted("echo");
    let session = proxy.session();
    let mut kept = Kept::new(&session);
    kept.post(&call("0", "no-such-tool", "{}"));
    kept.post(r#"{"jsonrpc":"2.0","id":0,"method":"vendor/any"}"#);
    let before = Scrape::of(&proxy).len();
    for number in 0..100 {
        // A batch is one request with a hundred names.
        let calls: Vec<_> = (0..100)
            .map(|index| match index % 2 {
                0 => call(&index.to_string(), &format!("tool-{number}-{index}"), "{}"),
                _ => format!(r#"{{"jsonrpc":"2.0","id":{index},"method":"m/{number}/{index}"}}"#),
            })
            .collect();
        assert_eq!(kept.post(&format!("[{}]", calls.join(","))).status, 200);
    }
    let scrape = Scrape::of(&proxy);
    assert_eq!(scrape.len(), before);
    let other = r#"mcp_proxy_calls_total{method="tools/call",tool="other",outcome="error"}"#;
    assert_eq!(scrape.value(other), Some(5001.0));
    let other = r#"mcp_proxy_calls_total{method="other",outcome="ok"}"#;
    assert_eq!(scrape.value(other), Some(5001.0));
}

#[test]
fn calls_are_in_flight_until_they_are_answered_or_cancelled() {
    let proxy = counted("slow");
    let session = proxy.session();
    let held = session.stream(call("1", "hold", "{}"));
    let other = session.stream(call("2", "hold", "{}"));
    settles(&proxy, "mcp_proxy_calls_in_flight", 2.0);
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}"#;
    assert_eq!(session.post(cancel).status, 202);
    settles(&proxy, "mcp_proxy_calls_in_flight", 1.0);
    session.call("3", "release", "{}");
    settles(&proxy, "mcp_proxy_calls_in_flight", 0.0);
    let scrape = Scrape::of(&proxy);
    let cancelled =
        r#"mcp_proxy_calls_total{method="tools/call",tool="other",outcome="cancelled"}"#;
    assert_eq!(scrape.value(cancelled), Some(1.0));
    drop((held, other));
    settles(&proxy, "mcp_proxy_streams", 0.0);
}

#[test]
fn a_client_that_does_not_read_is_cut_and_counted() {
    let proxy = counted("echo");
    let sse = Sse::initialized(&proxy);
    let text = "x".repeat(4 * 1024 * 1024);
    for number in 0..12 {
        let answer =
            sse.post(call(&number.to_string(), "echo", &format!(r#"{{"text":"{text}"}}"#)));
        assert!(matches!(answer.status, 202 | 400), "{}", answer.status);
    }
    // The stream is closed once its client reads the socket.
    let mut events = sse.events;
    let ended =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(
            move || {
                while events.message().is_some() {}
            },
        ));
    drop(ended);
    settles(&proxy, "mcp_proxy_slow_readers_cut_total", 1.0);
    settles(&proxy, r#"mcp_proxy_sessions{transport="sse"}"#, 0.0);
}

#[test]
fn the_public_port_shows_metrics_only_with_the_key() {
    let proxy = Launch::new("echo").flags(&["--metrics", "--apiKey", "secret"]).start();
    let request = Request::get("/metrics");
    assert_eq!(proxy.send(&request).status, 401);
    let answer = proxy.send(&request.header("X-API-Key", "secret"));
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("mcp_proxy_rejected_requests_total{reason=\"unauthorized\"} 1"));
}

#[test]
fn without_a_key_the_public_port_never_shows_metrics() {
    let finished = Launch::new("echo").flags(&["--metrics"]).run();
    assert_eq!(finished.status.code(), Some(1));
    let first = "Error: --metrics serves /metrics to everybody who may use the server, so it \
                 needs --apiKey, --auth or --authTokens.";
    assert_eq!(finished.stderr.lines().next(), Some(first));
    let proxy = counted("echo");
    assert_eq!(proxy.send(&Request::get("/metrics")).status, 404);
    let own = Connection::to(port(&proxy)).exchange(&Request::get("/metrics"));
    assert_eq!(own.status, 200);
}

#[test]
fn a_taken_metrics_port_is_told_by_its_flag() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let number = taken.local_addr().expect("an address").port().to_string();
    let finished = Launch::new("echo").flags(&["--metricsPort", &number]).run();
    assert_eq!(finished.status.code(), Some(1));
    assert!(finished.stderr.contains("choose another with --metricsPort"), "{}", finished.stderr);
}

#[test]
fn servers_of_sessions_are_counted_with_what_they_use() {
    let flags = ["--metricsPort", "0", "--isolation", "session", "--prewarm", "1"];
    let proxy = Launch::new("echo").flags(&flags).start();
    assert_eq!(Scrape::of(&proxy).value("mcp_proxy_servers"), Some(1.0));
    let (one, two) = (proxy.session(), proxy.session());
    settles(&proxy, "mcp_proxy_servers", 3.0);
    let scrape = Scrape::of(&proxy);
    assert_eq!(scrape.value("mcp_proxy_server_processes"), Some(3.0));
    assert!(scrape.value("mcp_proxy_server_resident_memory_bytes") > Some(0.0));
    one.delete();
    two.delete();
    settles(&proxy, "mcp_proxy_servers", 1.0);
    assert_eq!(Scrape::of(&proxy).value("mcp_proxy_server_restarts_total"), Some(0.0));
}

#[test]
fn bytes_to_and_from_servers_are_counted() {
    for isolation in ["shared", "session"] {
        let flags = ["--metricsPort", "0", "--isolation", isolation];
        let proxy = Launch::new("echo").flags(&flags).start();
        let session = proxy.session();
        let read = |scrape: &Scrape| scrape.value("mcp_proxy_server_read_bytes_total").unwrap();
        let written =
            |scrape: &Scrape| scrape.value("mcp_proxy_server_written_bytes_total").unwrap();
        let before = Scrape::of(&proxy);
        let text = "x".repeat(10_000);
        session.call("1", "echo", &format!(r#"{{"text":"{text}"}}"#));
        let after = Scrape::of(&proxy);
        for of in [read, written] {
            let bytes = of(&after) - of(&before);
            assert!((10_000.0..10_400.0).contains(&bytes), "{isolation}: {bytes}");
        }
    }
}

#[test]
fn restarts_are_counted() {
    let proxy = Launch::new("exit-after 1").flags(&["--metricsPort", "0"]).start();
    let session = proxy.session();
    let died = session.call("1", "echo", "{}");
    assert!(died.contains("exited with code 3"), "{died}");
    settles(&proxy, "mcp_proxy_server_restarts_total", 1.0);
    settles(&proxy, "mcp_proxy_servers", 1.0);
    assert_eq!(Scrape::of(&proxy).value("mcp_proxy_ready"), Some(1.0));
}
