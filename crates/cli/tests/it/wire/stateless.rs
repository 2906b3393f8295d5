//! `--stateless`: every POST is independent.

use crate::support::{LATEST, Launch, Proxy, Request, call, initialize};

fn stateless(mode: &str) -> Proxy {
    Launch::new(mode).flags(&["--stateless"]).start()
}

#[test]
fn calls_need_no_handshake_and_no_session() {
    let proxy = stateless("echo");
    for request in [
        Request::mcp(call("1", "echo", r#"{"text":"hi"}"#)),
        Request::mcp(call("1", "echo", r#"{"text":"hi"}"#)).session("ignored"),
    ] {
        let answer = proxy.send(&request);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("mcp-session-id"), None);
        assert!(answer.message().contains(r#""text":"hi""#), "{}", answer.text());
    }
}

#[test]
fn initialize_is_answered_without_a_session() {
    let proxy = stateless("echo");
    let answer = proxy.send(&Request::mcp(initialize(LATEST)));
    assert_eq!(answer.header("mcp-session-id"), None);
    assert!(answer.message().contains(r#""name":"fixture""#), "{}", answer.text());
}

#[test]
fn progress_precedes_its_result() {
    let proxy = stateless("progress 3");
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"work","arguments":{},"_meta":{"progressToken":9}}}"#;
    assert_eq!(proxy.send(&Request::mcp(body)).messages().len(), 4);
}

#[test]
fn get_and_delete_are_405() {
    let proxy = stateless("echo");
    for request in [
        Request::get("/mcp"),
        Request::listen("any"),
        Request::new("DELETE", "/mcp"),
        Request::new("DELETE", "/mcp").session("any"),
    ] {
        let answer = proxy.send(&request);
        assert_eq!((answer.status, answer.text()), (405, "Method Not Allowed"));
        assert_eq!(answer.header("allow"), Some("POST"));
    }
}

#[test]
fn what_needs_no_answer_is_202_and_what_is_malformed_400() {
    let proxy = stateless("echo");
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    for body in [notification, "[]", r#"{"jsonrpc":"2.0","id":1,"result":{}}"#] {
        let answer = proxy.send(&Request::mcp(body));
        assert_eq!((answer.status, answer.text()), (202, ""), "{body}");
    }
    for body in ["", "not json", "{}"] {
        let answer = proxy.send(&Request::mcp(body));
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &(-32700).into()));
    }
}

#[test]
fn header_rules_are_those_of_sessions() {
    let proxy = stateless("echo");
    let request = Request::mcp(call("1", "echo", "{}"));
    let statuses = [
        request.clone().header("Accept", "text/html"),
        request.clone().header("Content-Type", "text/plain"),
        request.clone().header("Mcp-Protocol-Version", "2023-01-01"),
        request,
    ]
    .map(|request| proxy.send(&request).status);
    assert_eq!(statuses, [406, 415, 400, 200]);
}

#[test]
fn the_sse_endpoint_keeps_its_sessions() {
    let proxy = stateless("echo");
    let mut sse = crate::support::Sse::initialized(&proxy);
    assert!(sse.ask(&call("1", "echo", r#"{"text":"hi"}"#)).contains("hi"));
}
