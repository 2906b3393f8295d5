//! Requests that violate the specification, but are clear.

use crate::support::{Launch, Proxy, Request, call, initialize};

const UNKNOWN: &str = "6f1e7a3c-0000-4000-8000-000000000000";

#[test]
fn a_session_that_is_not_named_or_not_known_is_begun_by_initialize_alone() {
    let proxy = Proxy::of("echo");
    let begin = || Request::mcp(initialize("2025-06-18"));
    let shouted = UNKNOWN.to_uppercase();
    let long = "a".repeat(4000);
    for named in [
        "",
        " ",
        "\t",
        UNKNOWN,
        &shouted,
        &long,
        "nonsense",
        "null",
        "undefined",
        "0",
        "[object Object]",
        "a b, c",
        "../../etc",
    ] {
        let response = proxy.send(&begin().header("Mcp-Session-Id", named));
        assert_eq!(response.status, 200, "{named:?}");
        assert!(response.header("mcp-session-id").is_some_and(|id| id != named), "{named:?}");
        let other = Request::mcp(call("1", "echo", "{}")).header("Mcp-Session-Id", named);
        let expected = if named.trim().is_empty() { 400 } else { 404 };
        assert_eq!(proxy.send(&other).status, expected, "{named:?}");
    }
}

#[test]
fn what_a_client_accepts_decides_how_it_is_answered() {
    let proxy = Proxy::of("echo");
    let session = proxy.session();
    for (accept, expected) in [
        ("*/*", "text/event-stream"),
        ("application/json, text/event-stream", "text/event-stream"),
        ("text/html, */*;q=0.1", "text/event-stream"),
        ("TEXT/EVENT-STREAM;q=0.5", "text/event-stream"),
        ("application/json", "application/json"),
        ("application/*", "application/json"),
        ("*/*, text/event-stream;q=0", "application/json"),
    ] {
        let request = session.request(call("1", "echo", r#"{"text":"hi"}"#));
        let response = proxy.send(&request.header("Accept", accept));
        assert_eq!(response.status, 200, "{accept}");
        let kind = response.header("content-type").unwrap_or_default();
        assert!(kind.starts_with(expected), "{accept}: {kind}");
        assert!(response.message().contains("hi"), "{accept}");
    }
    let without = session.request(call("1", "echo", "{}")).without("Accept");
    assert_eq!(proxy.send(&without).status, 200);
    for accept in ["text/html", "application/json;q=0, text/html", "*/*;q=0"] {
        let request = session.request(call("1", "echo", "{}")).header("Accept", accept);
        assert_eq!(proxy.send(&request).status, 406, "{accept}");
        let listen = session.listening().header("Accept", accept);
        assert_eq!(proxy.send(&listen).status, 406, "{accept}");
    }
    drop(proxy.stream(&session.listening().header("Accept", "*/*")));
}

#[test]
fn slashes_at_the_end_of_a_path_change_nothing() {
    let proxy = Proxy::of("echo");
    for path in ["/mcp/", "/mcp//", "/mcp/?x=1"] {
        let body = initialize("2025-06-18");
        let request = Request::post(path, body).header("Accept", "application/json");
        assert_eq!(proxy.send(&request).status, 200, "{path}");
    }
    for path in ["/ping/", "/ping//", "/livez/", "/readyz/"] {
        assert_eq!(proxy.send(&Request::get(path)).status, 200, "{path}");
    }
    drop(proxy.stream(&Request::get("/sse/").header("Accept", "text/event-stream")));
    for path in ["/", "/mcpx/", "/mcp/x"] {
        assert_eq!(proxy.send(&Request::get(path)).status, 404, "{path}");
    }
}

#[test]
fn head_is_answered_for_health_and_refused_with_the_methods_elsewhere() {
    const STREAM: &str = "GET, POST, DELETE, OPTIONS";
    let proxy = Proxy::of("echo");
    for (path, status) in [
        ("/ping", 200),
        ("/ping/", 200),
        ("/ping//", 200),
        ("/livez", 200),
        ("/readyz/", 200),
        ("/nowhere", 404),
        ("/", 404),
    ] {
        assert_eq!(proxy.send(&Request::new("HEAD", path)).status, status, "{path}");
    }
    for (path, allowed) in [
        ("/mcp", STREAM),
        ("/mcp/", STREAM),
        ("/mcp?x=1", STREAM),
        ("/sse", "GET, OPTIONS"),
        ("/sse//", "GET, OPTIONS"),
    ] {
        let response = proxy.send(&Request::new("HEAD", path));
        assert_eq!((response.status, response.header("allow")), (405, Some(allowed)), "{path}");
    }
}

#[test]
fn a_connection_stays_open_as_its_client_says() {
    let proxy = Proxy::of("echo");
    for (version, option, expected) in [
        ("1.1", "", "keep-alive"),
        ("1.1", "Connection: keep-alive\r\n", "keep-alive"),
        ("1.1", "Connection: close\r\n", "close"),
        ("1.1", "Connection: keep-alive, close\r\n", "close"),
        ("1.1", "Connection: Close , Upgrade\r\n", "close"),
        ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", "close"),
        ("1.1", "Connection: x-close\r\n", "keep-alive"),
        ("1.0", "", "close"),
        ("1.0", "Connection: keep-alive\r\n", "keep-alive"),
        ("1.0", "Connection: Keep-Alive, close\r\n", "close"),
        ("1.0", "Connection: x\r\n", "close"),
    ] {
        let mut connection = proxy.connect();
        let request = format!("GET /ping HTTP/{version}\r\nHost: x\r\n{option}\r\n");
        connection.write(request.as_bytes());
        let response = connection.response();
        assert_eq!(response.header("connection"), Some(expected), "{version} {option:?}");
        if expected == "close" {
            assert!(connection.rest().is_empty(), "{version} {option:?}");
        } else {
            connection.write(request.as_bytes());
            assert_eq!(connection.response().status, 200, "{version} {option:?}");
        }
    }
}

#[test]
fn a_page_is_granted_what_the_endpoint_needs() {
    let proxy = Launch::new("echo").flags(&["--apiKey", "secret"]).start();
    let ask = |path: &str, method: &str, names: &str| {
        let request = Request::new("OPTIONS", path).header("Origin", "https://a.example");
        let request = request.header("Access-Control-Request-Method", method);
        let answer = proxy.send(&request.header("Access-Control-Request-Headers", names));
        let list = |name: &str| answer.header(name).unwrap_or_default().to_ascii_lowercase();
        (list("access-control-allow-methods"), list("access-control-allow-headers"))
    };
    let (methods, headers) = ask("/mcp", "DELETE", "x-api-key, Mcp-Param-City, x-other");
    assert!(methods.contains("delete"), "{methods}");
    assert!(headers.contains("x-api-key") && headers.contains("mcp-param-city"), "{headers}");
    assert!(!headers.contains("x-other"), "{headers}");
    let (methods, headers) = ask("/sse", "DELETE", "content-type");
    assert!(!methods.contains("delete") && !headers.contains("x-api-key"), "{methods} {headers}");
    assert!(!ask("/mcp", "POST", "content-type").0.contains("delete"));
}

#[test]
fn a_version_that_is_none_is_refused_as_that() {
    let proxy = Proxy::of("echo");
    let session = proxy.session();
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    for version in [
        "nonsense",
        "1",
        "latest",
        "2026-07-28x",
        "2026-7-28",
        "zz",
        "v2025-06-18",
        "20260728",
        "DRAFT-2026-v1",
        "2025/06/18",
        "\"2025-06-18\"",
        "undefined",
        "null",
    ] {
        for request in [session.request(list), Request::mcp(list), session.listening()] {
            let response = proxy.send(&request.header("MCP-Protocol-Version", version));
            assert_eq!(response.status, 400, "{version}");
            let said = format!("Unsupported protocol version: {}", version.replace('"', "\\\""));
            assert!(response.text().contains(&said), "{version}: {}", response.text());
        }
        // As with the original, the body decides whether a session is opened.
        let begin = Request::mcp(initialize("2025-06-18")).header("MCP-Protocol-Version", version);
        assert_eq!(proxy.send(&begin).status, 200, "{version}");
    }
}

#[test]
fn a_body_with_a_coding_is_refused_in_words() {
    let proxy = Proxy::of("echo");
    for coding in [
        "gzip",
        "GZIP",
        "x-gzip",
        "br",
        "zstd",
        "deflate",
        "compress",
        "deflate, gzip",
        "identity, gzip",
        "gzip, gzip",
    ] {
        let request = Request::mcp(initialize("2025-06-18")).header("Content-Encoding", coding);
        let response = proxy.send(&request);
        assert_eq!(response.status, 415, "{coding}");
        assert!(response.text().contains("Content-Encoding"), "{coding}");
    }
    for coding in ["identity", "Identity", "identity, identity", ""] {
        let plain = Request::mcp(initialize("2025-06-18")).header("Content-Encoding", coding);
        assert_eq!(proxy.send(&plain).status, 200, "{coding:?}");
    }
}
