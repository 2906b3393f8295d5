//! Which request gets which kind of answer: methods, paths, `/ping`, and the flags that move
//! endpoints.

use crate::support::{Launch, Proxy, Request, Response};

/// Status and body.
fn outcome(response: &Response) -> (u16, &str) {
    (response.status, response.text())
}

#[test]
fn ping_answers_pong_on_exactly_its_own_path() {
    let proxy = Proxy::of("echo");
    let pong = proxy.send(&Request::get("/ping"));
    assert_eq!(outcome(&pong), (200, "pong"));
    assert_eq!(pong.header("content-type"), None);
    for request in [Request::get("/ping?x"), Request::post("/ping", "{}")] {
        assert_eq!(proxy.send(&request).status, 404, "{request:?}");
    }
}

#[test]
fn the_stream_endpoint_is_matched_as_a_normalised_path() {
    let proxy = Proxy::of("echo");
    for target in ["/mcp", "/mcp?q=/x", "/./mcp", "/a/../mcp", "http://any.example/mcp"] {
        let answer = proxy.send(&Request::get(target));
        assert_eq!(outcome(&answer), (400, "No sessionId"), "{target}");
    }
    for target in ["/MCP", "/%6dcp", "/mcp;x", "/", "/mcpx", "/x/mcp"] {
        let answer = proxy.send(&Request::get(target));
        assert_eq!(answer.status, 404, "{target}");
    }
}

#[test]
fn a_404_says_what_is_served_instead() {
    const BOTH: &str = "Not Found. The endpoints here are:\n\
        /mcp  POST, GET, DELETE (Streamable HTTP)\n/sse  GET (HTTP+SSE)\n/ping  GET (health)\n";
    let proxy = Proxy::of("echo");
    for (method, target) in [
        ("PUT", "/mcp"),
        ("PATCH", "/mcp"),
        ("BREW", "/mcp"),
        ("POST", "/sse"),
        ("DELETE", "/sse"),
        ("GET", "/messages"),
        ("DELETE", "/messages"),
        ("POST", "/nowhere"),
        ("GET", "/%3Cscript%3E"),
        ("GET", "/ping?x"),
    ] {
        let answer = proxy.send(&Request::new(method, target));
        assert_eq!(outcome(&answer), (404, BOTH), "{method} {target}");
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    for (flags, listed) in [
        (&["--server", "sse"][..], "\n/sse  GET (HTTP+SSE)\n/ping"),
        (&["--server", "stream"], "\n/mcp  POST, GET, DELETE (Streamable HTTP)\n/ping"),
        (&["--streamEndpoint", "/tools/a"], "\n/tools/a  POST, GET, DELETE (Streamable HTTP)\n"),
        (&["--sseEndpoint", ""], "(Streamable HTTP)\n/ping"),
    ] {
        let proxy = Launch::new("echo").flags(flags).start();
        let answer = proxy.send(&Request::get("/nowhere"));
        assert!(answer.text().contains(listed), "{flags:?}: {}", answer.text());
    }
}

#[test]
fn a_404_says_nothing_to_strangers() {
    let proxy =
        Launch::new("echo").flags(&["--apiKey", "k", "--streamEndpoint", "/hidden"]).start();
    let answer = proxy.send(&Request::get("/nowhere"));
    assert_eq!(answer.status, 401);
    assert!(!answer.text().contains("hidden"), "{}", answer.text());
}

#[test]
fn options_is_204_on_any_path() {
    let proxy = Launch::new("echo").flags(&["--apiKey", "k"]).start();
    for target in ["/mcp", "/sse", "/messages?x", "/nowhere", "/ping"] {
        let answer = proxy.send(&Request::new("OPTIONS", target));
        assert_eq!(outcome(&answer), (204, ""), "{target}");
    }
}

#[test]
fn the_endpoints_move_with_their_flags() {
    let proxy =
        Launch::new("echo").flags(&["--streamEndpoint", "/a", "--sseEndpoint", "/b"]).start();
    assert_eq!(outcome(&proxy.send(&Request::get("/a"))), (400, "No sessionId"));
    assert_eq!(
        proxy.stream(&Request::get("/b")).header("cache-control"),
        Some("no-cache, no-transform")
    );
    assert_eq!(proxy.send(&Request::get("/mcp")).status, 404);
    assert_eq!(proxy.send(&Request::get("/sse")).status, 404);
}

#[test]
fn server_serves_one_of_the_two() {
    let stream = Launch::new("echo").flags(&["--server", "stream"]).start();
    assert_eq!(stream.send(&Request::get("/mcp")).status, 400);
    assert_eq!(stream.send(&Request::get("/sse")).status, 404);
    assert_eq!(stream.send(&Request::post("/messages?sessionId=x", "{}")).status, 404);
    let sse = Launch::new("echo").flags(&["--server", "sse"]).start();
    assert_eq!(sse.send(&Request::get("/mcp")).status, 404);
    assert_eq!(
        sse.stream(&Request::get("/sse")).event().and_then(|event| event.name).as_deref(),
        Some("endpoint")
    );
}

/// Differs from mcp-proxy: there, `--endpoint` has no effect.
#[test]
fn endpoint_names_the_path_of_the_only_server() {
    let proxy = Launch::new("echo").flags(&["--server", "stream", "--endpoint", "/only"]).start();
    assert_eq!(proxy.send(&Request::get("/only")).status, 400);
    assert_eq!(proxy.send(&Request::get("/mcp")).status, 404);
}

#[test]
fn an_empty_endpoint_is_off() {
    let proxy = Launch::new("echo").flags(&["--sseEndpoint="]).start();
    assert_eq!(proxy.send(&Request::get("/sse")).status, 404);
    proxy.session().assert_healthy();
}

#[test]
fn sse_wins_get_where_both_endpoints_share_a_path() {
    let proxy = Launch::new("echo").flags(&["--sseEndpoint", "/mcp"]).start();
    let mut events = proxy.stream(&Request::get("/mcp"));
    assert_eq!(events.event().and_then(|event| event.name).as_deref(), Some("endpoint"));
    proxy.session().assert_healthy();
}

#[test]
fn requests_on_one_connection_are_answered_in_turn() {
    let proxy = Proxy::of("echo");
    let mut connection = proxy.connect();
    let ping = Request::get("/ping").bytes();
    let nowhere = Request::get("/nowhere").bytes();
    connection.write(&[&ping[..], &nowhere, &ping].concat());
    let statuses = [(); 3].map(|()| connection.response().status);
    assert_eq!(statuses, [200, 404, 200]);
}

#[test]
fn http_1_0_is_answered_and_closed() {
    let proxy = Proxy::of("echo");
    let mut connection = proxy.connect();
    connection.write(b"GET /ping HTTP/1.0\r\n\r\n");
    let answer = String::from_utf8(connection.rest()).expect("text");
    assert!(answer.starts_with("HTTP/1."), "{answer}");
    assert!(answer.contains(" 200 OK\r\n") && answer.ends_with("pong"), "{answer}");
}
