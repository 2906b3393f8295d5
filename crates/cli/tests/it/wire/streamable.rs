//! POST and DELETE on the Streamable HTTP endpoint: handshake, header rules, sessions, framing.

use serde_json::{Value, json};

use crate::support::{Kept, LATEST, Launch, Proxy, Request, Response, Session, call, initialize};

const PING: &str = r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#;
const VERSIONS: &str = "2025-11-25, 2025-06-18, 2025-03-26, 2024-11-05, 2024-10-07";

/// Fails unless the answer is this JSON-RPC error without an id.
fn assert_refused(response: &Response, status: u16, code: i32, message: &str) {
    assert_eq!(response.status, status, "{}", response.text());
    assert_eq!(response.header("content-type"), Some("application/json; charset=utf-8"));
    let error = json!({ "code": code, "message": message });
    assert_eq!(response.json(), json!({ "jsonrpc": "2.0", "error": error, "id": null }));
}

#[test]
fn initialize_opens_a_session() {
    let proxy = Proxy::of("echo");
    let answer = proxy.send(&Request::mcp(initialize(LATEST)));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-cache, no-transform"));
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    let id = answer.header("mcp-session-id").expect("a session id");
    assert!(id.len() >= 32 && id.bytes().all(|byte| byte.is_ascii_graphic()), "{id}");
    let message: Value = serde_json::from_str(&answer.message()).expect("a message");
    assert_eq!(message["id"], "init");
    assert_eq!(message["result"]["protocolVersion"], LATEST);
    assert_eq!(message["result"]["serverInfo"]["name"], "fixture");
    assert_eq!(message["result"]["instructions"], "Be kind.");
}

#[test]
fn every_handshake_revision_is_answered_with_itself_and_others_with_the_newest() {
    let proxy = Proxy::of("echo");
    for asked in VERSIONS.split(", ").chain(["1999-01-01", "2026-07-28", "draft"]) {
        let expected = if VERSIONS.contains(asked) { asked } else { LATEST };
        let message = proxy.send(&Request::mcp(initialize(asked))).message();
        let message: Value = serde_json::from_str(&message).expect("a message");
        assert_eq!(message["result"]["protocolVersion"], expected, "asked for {asked}");
    }
}

#[test]
fn events_have_a_name_an_id_and_one_data_line() {
    let proxy = Proxy::of("echo");
    let session = Session::open_as(&proxy, "2025-06-18");
    let answer = session.post(call("1", "echo", r#"{"text":"a"}"#));
    let [event] = &answer.events()[..] else { panic!("one event: {:?}", answer.text()) };
    let id = event.id.as_deref().expect("an id");
    let data = event.data.as_deref().expect("data");
    assert_eq!(answer.text(), format!("event: message\nid: {id}\ndata: {data}\n\n"));
}

#[test]
fn clients_of_2025_11_25_get_a_priming_event_first() {
    let proxy = Proxy::of("echo");
    let session = proxy.session();
    for answer in [proxy.send(&Request::mcp(initialize(LATEST))), session.post(PING)] {
        let events = answer.events();
        assert_eq!(events.len(), 2, "{:?}", answer.text());
        assert_eq!(events[0].data.as_deref(), Some(""));
        assert_eq!(events[0].name, None);
        let ids: Vec<_> = events.iter().map(|event| event.id.clone().expect("an id")).collect();
        assert_ne!(ids[0], ids[1]);
    }
}

#[test]
fn without_an_event_store_events_have_no_ids() {
    let proxy = Launch::new("echo").flags(&["--no-eventStore"]).start();
    let answer = proxy.session().post(PING);
    let [event] = &answer.events()[..] else { panic!("one event: {:?}", answer.text()) };
    assert_eq!(event.id, None);
    assert_eq!(answer.text(), format!("event: message\ndata: {}\n\n", answer.message()));
}

#[test]
fn one_media_type_must_be_acceptable() {
    let proxy = Proxy::of("echo");
    let session = proxy.session();
    let text = "Not Acceptable: Client must accept application/json or text/event-stream";
    for accept in ["text/html", "application/x, text/plain", "*/*;q=0"] {
        let answer = proxy.send(&session.request(PING).header("Accept", accept));
        assert_refused(&answer, 406, -32000, text);
    }
    let accept = "text/event-stream;q=0.5,application/json;q=0.1";
    assert_eq!(proxy.send(&session.request(PING).header("Accept", accept)).status, 200);
}

#[test]
fn the_body_must_be_declared_json() {
    let proxy = Proxy::of("echo");
    let session = proxy.session();
    let text = "Unsupported Media Type: Content-Type must be application/json";
    for kind in ["text/plain", "application/jsonx", "application/json-seq", "json", ""] {
        let answer = proxy.send(&session.request(PING).header("Content-Type", kind));
        assert_refused(&answer, 415, -32000, text);
    }
    assert_refused(&proxy.send(&session.request(PING).without("Content-Type")), 415, -32000, text);
    for kind in ["application/json; charset=utf-8", "application/json;x=y", "Application/JSON"] {
        assert_eq!(proxy.send(&session.request(PING).header("Content-Type", kind)).status, 200);
    }
}

#[test]
fn a_known_version_or_none_is_needed_after_the_handshake() {
    let proxy = Proxy::of("echo");
    let session = proxy.session();
    for version in VERSIONS.split(", ") {
        let request = session.request(PING).header("Mcp-Protocol-Version", version);
        assert_eq!(proxy.send(&request).status, 200, "{version}");
    }
    assert_eq!(proxy.send(&session.request(PING).without("Mcp-Protocol-Version")).status, 200);
    let request = session.request(PING).header("Mcp-Protocol-Version", "2023-01-01");
    let text = format!(
        "Bad Request: Unsupported protocol version: 2023-01-01 (supported versions: {VERSIONS})"
    );
    assert_refused(&proxy.send(&request), 400, -32000, &text);
}

#[test]
fn refusals_come_in_the_documented_order() {
    let proxy = Proxy::of("echo");
    let session = proxy.session();
    let worst = session
        .request("not json")
        .header("Accept", "text/html")
        .header("Content-Type", "text/plain")
        .header("Mcp-Protocol-Version", "2023-01-01");
    let statuses = [
        worst.clone().session("unknown"),
        worst.clone(),
        worst.header("Accept", "application/json, text/event-stream"),
    ]
    .map(|request| proxy.send(&request).status);
    assert_eq!(statuses, [404, 406, 415]);
    let body = session.request("not json").header("Mcp-Protocol-Version", "2023-01-01");
    assert_refused(&proxy.send(&body), 400, -32700, "Parse error: Invalid JSON-RPC message");
}

#[test]
fn without_a_session_only_initialize_is_served() {
    let proxy = Proxy::of("echo");
    let text = "Bad Request: No valid session ID provided";
    let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let in_a_batch = format!("[{}]", initialize(LATEST));
    for body in [PING, initialized, "[]", "not json", "{}", in_a_batch.as_str()] {
        assert_refused(&proxy.send(&Request::mcp(body)), 400, -32000, text);
    }
}

#[test]
fn an_unknown_session_is_404_unless_another_is_begun() {
    let proxy = Proxy::of("echo");
    for request in [
        Request::mcp(PING).session("unknown"),
        Request::mcp("not json").session("unknown"),
        Request::listen("unknown"),
        Request::new("DELETE", "/mcp").session("unknown"),
    ] {
        assert_refused(&proxy.send(&request), 404, -32001, "Session not found");
    }
}

#[test]
fn delete_ends_a_session() {
    let proxy = Proxy::of("echo");
    let (session, other) = (proxy.session(), proxy.session());
    let answer = session.delete();
    assert_eq!((answer.status, answer.text()), (200, ""));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert_refused(&session.post(PING), 404, -32001, "Session not found");
    assert_refused(&session.delete(), 404, -32001, "Session not found");
    other.assert_healthy();
    let nameless = proxy.send(&Request::new("DELETE", "/mcp"));
    assert_eq!((nameless.status, nameless.text()), (400, "Invalid or missing sessionId"));
    let line = format!("[mcp-proxy] received delete request for session {}", session.id);
    assert!(proxy.stdout.line(|printed| printed == line).is_some());
}

#[test]
fn delete_ends_the_streams_of_the_session() {
    let proxy = Proxy::of("slow");
    let session = proxy.session();
    let mut standalone = session.listen();
    let mut held = session.stream(call("1", "hold", "{}"));
    assert_eq!(session.delete().status, 200);
    assert_eq!(standalone.message(), None);
    assert_eq!(held.message(), None);
}

#[test]
fn a_session_is_initialized_once() {
    let proxy = Proxy::of("echo");
    let session = proxy.session();
    let text = "Invalid Request: Server already initialized";
    assert_refused(&session.post(initialize(LATEST)), 400, -32600, text);
    session.assert_healthy();
}

#[test]
fn notifications_and_responses_are_202_without_a_body() {
    let proxy = Proxy::of("echo");
    let session = proxy.session();
    for body in [
        r#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#,
        r#"{"jsonrpc":"2.0","method":"vendor/something","params":{"a":[]}}"#,
        r#"{"jsonrpc":"2.0","id":99,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":99,"error":{"code":1,"message":"m"}}"#,
    ] {
        let answer = session.post(body);
        assert_eq!((answer.status, answer.text()), (202, ""), "{body}");
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
    }
    session.assert_healthy();
}

#[test]
fn errors_of_the_server_are_200() {
    let proxy = Proxy::of("echo");
    let message = proxy.session().call("1", "no-such-tool", "{}");
    let message: Value = serde_json::from_str(&message).expect("a message");
    assert_eq!(message["error"]["code"], -32602);
}

#[test]
fn a_chunked_body_is_read() {
    let proxy = Proxy::of("echo");
    let session = proxy.session();
    let mut connection = proxy.connect();
    let head = session.request(PING).header("Transfer-Encoding", "chunked").bytes();
    let text = String::from_utf8(head).expect("text");
    let (head, _) = text.split_once("Content-Length").expect("a length");
    connection.write(head.as_bytes());
    connection.write(b"\r\n");
    for byte in PING.bytes() {
        connection.write(format!("1;ext=x\r\n{}\r\n", byte as char).as_bytes());
    }
    connection.write(b"0\r\nTrailer: x\r\n\r\n");
    assert_eq!(connection.response().status, 200);
}

#[test]
fn expect_100_continue_is_honoured() {
    let proxy = Proxy::of("echo");
    let request = proxy.session().request(PING).header("Expect", "100-continue");
    let bytes = request.bytes();
    let (head, body) = bytes.split_at(bytes.len() - PING.len());
    let mut connection = proxy.connect();
    connection.write(head);
    connection.expect_continue();
    connection.write(body);
    assert_eq!(connection.response().status, 200);
}

#[test]
fn a_connection_serves_many_calls() {
    let proxy = Proxy::of("echo");
    let session = proxy.session();
    let mut kept = Kept::new(&session);
    for number in 0..200 {
        let answer = kept.post(&call(&number.to_string(), "echo", r#"{"text":"again"}"#));
        let message: Value = serde_json::from_str(&answer.message()).expect("a message");
        assert_eq!(message["id"], number);
    }
}

#[test]
fn an_idle_session_is_closed() {
    let proxy = Launch::new("echo").flags(&["--sessionIdleTimeout", "300"]).start();
    let (idle, attached) = (proxy.session(), proxy.session());
    let _stream = attached.listen();
    let line = format!("[mcp-proxy] closing session {}, idle for over 300ms", idle.id);
    assert!(proxy.stdout.line(|printed| printed == line).is_some());
    assert_refused(&idle.post(PING), 404, -32001, "Session not found");
    attached.assert_healthy();
}
