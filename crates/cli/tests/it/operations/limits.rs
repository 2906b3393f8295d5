//! Every limit: who is refused, with which status and reason, and that other requests succeed.

use std::time::Instant;

use crate::{
    operations::scrape::{Scrape, settles},
    support::{
        Connection, LATEST, Launch, Proxy, Request, Response, Sse, call, initialize, wait_for,
    },
};

fn assert_refused(answer: &Response, status: u16, text: &str) {
    let body = answer.json();
    assert_eq!(answer.status, status, "{body}");
    assert_eq!(body["error"]["code"], -32000, "{body}");
    assert_eq!(body["error"]["message"], text);
    assert_eq!(body["id"], serde_json::Value::Null);
}

fn reason(proxy: &Proxy, reason: &str) -> Option<f64> {
    let series = format!(r#"mcp_proxy_rejected_requests_total{{reason="{reason}"}}"#);
    Scrape::of(proxy).value(&series)
}

fn limited(mode: &str, flags: &[&str]) -> Proxy {
    Launch::new(mode).flags(&["--metricsPort", "0"]).flags(flags).start()
}

#[test]
fn sessions_of_both_transports_share_one_limit() {
    let proxy = limited("echo", &["--maxSessions", "2"]);
    let session = proxy.session();
    let sse = Sse::open(&proxy);
    let text = "Service Unavailable: too many sessions; end some with DELETE";
    let refused = proxy.send(&Request::mcp(initialize(LATEST)));
    assert_refused(&refused, 503, text);
    assert_eq!(refused.header("retry-after"), Some("10"));
    assert_refused(&proxy.send(&Request::get("/sse")), 503, text);
    session.assert_healthy();
    assert_eq!(session.delete().status, 200);
    let next = proxy.session();
    drop(sse);
    settles(&proxy, r#"mcp_proxy_sessions{transport="sse"}"#, 0.0);
    Sse::open(&proxy);
    next.assert_healthy();
    assert_eq!(reason(&proxy, "too_many_sessions"), Some(2.0));
}

#[test]
fn sessions_that_open_at_the_same_time_keep_to_the_limit() {
    let proxy = Launch::new("echo").flags(&["--maxSessions", "3"]).start();
    let statuses = std::thread::scope(|scope| {
        let open = || proxy.send(&Request::mcp(initialize(LATEST))).status;
        let clients: Vec<_> = (0..12).map(|_| scope.spawn(open)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 3, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 503).count(), 9, "{statuses:?}");
}

#[test]
fn a_connection_too_many_is_told_so() {
    let proxy = limited("echo", &["--maxConnections", "2"]);
    let mut first = proxy.connect();
    assert_eq!(first.exchange(&Request::get("/ping")).status, 200);
    let mut second = proxy.connect();
    assert_eq!(second.exchange(&Request::get("/ping")).status, 200);
    let refused = proxy.send(&Request::get("/ping"));
    assert_refused(&refused, 503, "Service Unavailable: too many connections");
    assert_eq!(refused.header("connection"), Some("close"));
    assert_eq!(refused.header("retry-after"), Some("10"));
    assert_eq!(first.exchange(&Request::get("/ping")).status, 200);
    drop(second);
    wait_for("a connection is free", || {
        (proxy.send(&Request::get("/ping")).status == 200).then_some(())
    });
    assert!(reason(&proxy, "too_many_connections") >= Some(1.0));
}

#[test]
fn calls_under_way_are_limited_for_each_session() {
    let proxy = limited("slow", &["--maxInFlight", "2"]);
    let (session, other) = (proxy.session(), proxy.session());
    let one = session.stream(call("1", "hold", "{}"));
    let two = session.stream(call("2", "hold", "{}"));
    let text = "Too Many Requests: too many calls of this session are under way; wait for some or \
                cancel them";
    let refused = session.post(call("3", "held", "{}"));
    assert_refused(&refused, 429, text);
    assert_eq!(refused.header("retry-after"), Some("1"));
    let batch = format!("[{},{}]", call("3", "held", "{}"), call("4", "held", "{}"));
    assert_refused(&session.post(batch), 429, text);
    other.assert_healthy();
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}"#;
    assert_eq!(session.post(cancel).status, 202);
    assert_eq!(session.post(call("5", "release", "{}")).status, 200);
    session.assert_healthy();
    drop((one, two));
    assert_eq!(reason(&proxy, "too_many_calls"), Some(2.0));
}

#[test]
fn an_sse_session_has_the_same_limit() {
    let proxy = limited("slow", &["--maxInFlight", "1"]);
    let mut sse = Sse::initialized(&proxy);
    sse.send(&call("1", "hold", "{}"));
    assert_eq!(sse.post(call("2", "held", "{}")).status, 429);
    sse.send(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#);
    assert!(sse.ask(&call("3", "held", "{}")).contains(r#""id":3"#));
}

#[test]
fn a_head_that_dribbles_is_answered_with_408() {
    let proxy = limited("echo", &["--headerTimeout", "300"]);
    for beginning in ["", "G", "GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "] {
        let started = Instant::now();
        let mut connection = proxy.connect();
        connection.write(beginning.as_bytes());
        let answer = connection.response();
        assert_refused(&answer, 408, "Request Timeout: the request head did not arrive in time");
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(connection.rest().is_empty());
        assert!(started.elapsed().as_millis() >= 300);
    }
    assert_eq!(reason(&proxy, "head_too_slow"), Some(3.0));
}

#[test]
fn the_time_of_a_head_begins_with_its_first_byte() {
    let proxy = limited("echo", &["--headerTimeout", "300", "--keepAliveTimeout", "900"]);
    let mut connection = proxy.connect();
    // The proxy's timer starts later, with its answer.
    let idle = Instant::now();
    assert_eq!(connection.exchange(&Request::get("/ping")).status, 200);
    assert!(connection.rest().is_empty(), "an idle connection ends without a word");
    assert!(idle.elapsed().as_millis() >= 900);
    let mut connection = proxy.connect();
    assert_eq!(connection.exchange(&Request::get("/ping")).status, 200);
    connection.write(b"GET /ping");
    let begun = Instant::now();
    assert_eq!(connection.response().status, 408);
    assert!(begun.elapsed().as_millis() < 900);
}

#[test]
fn open_streams_are_not_timed() {
    let proxy = limited(
        "slow",
        &["--headerTimeout", "50", "--keepAliveTimeout", "50", "--bodyTimeout", "50"],
    );
    let session = proxy.session();
    let mut held = session.stream(call("1", "hold", r#"{"text":"late"}"#));
    let answer = session.call("2", "wait", r#"{"ms":300}"#);
    assert!(answer.contains(r#""id":2"#), "{answer}");
    session.call("3", "release", "{}");
    assert!(held.expect().contains("late"));
}

#[test]
fn a_body_that_dribbles_is_answered_with_408() {
    let proxy = limited("echo", &["--bodyTimeout", "200"]);
    let session = proxy.session();
    let bytes = session.request(call("1", "echo", r#"{"text":"a"}"#)).bytes();
    let mut connection = proxy.connect();
    connection.write(&bytes[..bytes.len() - 1]);
    let answer = connection.response();
    let text = "Request Timeout: the request body did not arrive within 200 ms";
    assert_refused(&answer, 408, text);
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(reason(&proxy, "body_too_slow"), Some(1.0));
    session.assert_healthy();
}

#[test]
fn the_event_store_is_bounded_in_bytes() {
    let proxy = limited("echo", &["--eventStoreMaxBytes", "4000"]);
    let session = proxy.session();
    let text = "x".repeat(1000);
    for number in 0..20 {
        session.call(&number.to_string(), "echo", &format!(r#"{{"text":"{text}"}}"#));
    }
    let bytes = Scrape::of(&proxy).value("mcp_proxy_event_store_bytes").unwrap();
    assert!((1000.0..=4000.0).contains(&bytes), "{bytes}");
}

#[test]
fn finished_answers_leave_nothing_behind() {
    for flags in [&["--no-eventStore"][..], &[]] {
        let proxy = limited("echo", &[flags, &["--maxInFlight", "1"]].concat());
        let session = proxy.session();
        for number in 0..50 {
            session.call(&number.to_string(), "echo", r#"{"text":"a"}"#);
        }
        settles(&proxy, "mcp_proxy_calls_in_flight", 0.0);
        drop(Connection::to(proxy.port));
        session.assert_healthy();
    }
}

/// An answer of 9 MiB, which does not fit into any socket buffer.
fn large(id: &str) -> String {
    call(id, "echo", &format!(r#"{{"text":"{}"}}"#, "x".repeat(9 << 20)))
}

#[test]
fn a_client_that_takes_nothing_loses_its_connection() {
    let proxy = limited("echo", &["--writeTimeout", "500"]);
    let session = proxy.session();
    let mut connection = proxy.connect();
    connection.write(&session.request(large("1")).bytes());
    settles(&proxy, "mcp_proxy_slow_readers_cut_total", 1.0);
    settles(&proxy, r#"mcp_proxy_queued_bytes{to="clients"}"#, 0.0);
    session.assert_healthy();
    assert!(
        session.call("2", "echo", &format!(r#"{{"text":"{}"}}"#, "x".repeat(9 << 20))).len()
            > 9 << 20
    );
}

#[test]
fn what_waits_for_all_clients_is_bounded_and_the_farthest_behind_pay() {
    let proxy = limited("echo", &["--maxBuffered", "20000000"]);
    let mut reader = Sse::initialized(&proxy);
    let sessions: Vec<_> = (0..5).map(|_| proxy.session()).collect();
    let mut waiting = Vec::new();
    for session in &sessions {
        let mut connection = proxy.connect();
        connection.write(&session.request(large("1")).bytes());
        waiting.push(connection);
    }
    let cut = "mcp_proxy_slow_readers_cut_total";
    wait_for("the farthest behind were cut off", || {
        Scrape::of(&proxy).value(cut).filter(|cut| *cut >= 3.0)
    });
    let held = Scrape::of(&proxy).value(r#"mcp_proxy_queued_bytes{to="clients"}"#);
    assert!(held <= Some(20_000_000.0), "{held:?}");
    assert!(reader.ask(&call("2", "echo", r#"{"text":"a"}"#)).contains(r#""id":2"#));
    sessions.iter().for_each(crate::support::Session::assert_healthy);
}

#[test]
fn health_is_answered_however_many_connections_are_held_open() {
    let proxy = limited("echo", &[]);
    let port = crate::support::scrape::port(&proxy);
    let held: Vec<_> = (0..80).map(|_| std::net::TcpStream::connect(("127.0.0.1", port))).collect();
    for _ in 0..80 {
        let mut connection = Connection::to(port);
        assert_eq!(connection.exchange(&Request::get("/readyz")).status, 200);
    }
    drop(held);
}

#[test]
fn an_address_has_so_many_connections() {
    let proxy = limited("echo", &["--maxConnectionsPerIp", "2"]);
    let mut first = proxy.connect();
    assert_eq!(first.exchange(&Request::get("/ping")).status, 200);
    let mut second = proxy.connect();
    assert_eq!(second.exchange(&Request::get("/ping")).status, 200);
    let refused = proxy.send(&Request::get("/ping"));
    assert_refused(&refused, 503, "Service Unavailable: too many connections");
    assert!(reason(&proxy, "too_many_connections_of_address") >= Some(1.0));
    drop(second);
    wait_for("a connection is free", || {
        (proxy.send(&Request::get("/ping")).status == 200).then_some(())
    });
    assert_eq!(first.exchange(&Request::get("/ping")).status, 200);
}

#[test]
fn an_address_may_ask_at_a_rate() {
    let proxy = limited("echo", &["--rateLimit", "1"]);
    let mut connection = proxy.connect();
    let ask = Request::get("/nowhere");
    let asked = (0..30).map(|_| connection.exchange(&ask));
    let refused: Vec<_> = asked.filter(|answer| answer.status != 404).collect();
    assert!((10..=20).contains(&refused.len()), "{}", refused.len());
    let text = "Too Many Requests: too many requests from this address; try again later";
    for refused in &refused {
        assert_refused(refused, 429, text);
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    assert_eq!(connection.exchange(&Request::get("/readyz")).status, 200, "health is not counted");
    wait_for("it may ask again", || (connection.exchange(&ask).status == 404).then_some(()));
    assert!(reason(&proxy, "rate_limited") >= Some(10.0));
}

#[test]
fn a_connection_has_so_many_requests_and_so_much_time() {
    let proxy = limited("echo", &["--maxConnectionRequests", "2"]);
    let mut connection = proxy.connect();
    assert_eq!(
        connection.exchange(&Request::get("/ping")).header("connection"),
        Some("keep-alive")
    );
    assert_eq!(connection.exchange(&Request::get("/ping")).header("connection"), Some("close"));
    assert!(connection.rest().is_empty());
    let proxy = limited("slow", &["--maxConnectionAge", "300"]);
    let session = proxy.session();
    let mut idle = proxy.connect();
    assert_eq!(idle.exchange(&Request::get("/ping")).status, 200);
    let mut held = session.stream(call("1", "hold", r#"{"text":"late"}"#));
    assert!(idle.rest().is_empty(), "it ends by itself");
    session.call("2", "wait", r#"{"ms":300}"#);
    session.call("3", "release", "{}");
    assert!(held.expect().contains("late"), "what is being answered goes on");
}

#[test]
fn behind_a_trusted_proxy_the_client_counts() {
    let flags = ["--rateLimit", "1", "--trustProxy", "loopback", "--maxConnectionsPerIp", "1"];
    let proxy = limited("echo", &flags);
    let mut connections = [proxy.connect(), proxy.connect()];
    let mut ask = |number: usize, client: &str| {
        let request = Request::get("/nowhere").header("X-Forwarded-For", client);
        connections[number].exchange(&request).status
    };
    let refused = (0..30).filter(|_| ask(0, "10.0.0.1") == 429).count();
    assert!((10..=20).contains(&refused), "{refused}");
    assert_eq!(ask(1, "10.0.0.2"), 404, "another client");
    assert_eq!(ask(1, "10.0.0.2, 10.0.0.1"), 429, "only what the proxy itself has seen counts");
    drop(connections);
    let line = proxy.stderr.line(|line| line.contains("rate_limited"));
    assert!(line.expect("a line").contains("10.0.0.1"));
}
