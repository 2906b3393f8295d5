//! A remote server behind the proxy's HTTP front: `--port` and its URL.

use serde_json::Value;

use super::{
    server::{Received, Server, Wire, result},
    support::{Issuer, Launch, Modern, Request, Sse, call},
};

fn scripted() -> Server {
    Server::start(|request: &Received, wire: &mut Wire| {
        if request.method() != "tools/call" {
            return false;
        }
        wire.events();
        wire.event(
            r#"data: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":1}}"#,
        );
        wire.event(&format!("data: {}", result(request, "{}")));
        true
    })
}

#[test]
fn each_client_has_a_session_of_its_own_with_the_server() {
    let server = scripted();
    let proxy = Launch::of(&[&server.url()]).start();
    let (one, two) = (proxy.session(), proxy.session());
    let response = one.post(call("\"a\"", "x", "{}"));
    let messages = response.messages();
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(
        messages[0].contains("notifications/message"),
        "on the stream of its call: {messages:?}"
    );
    assert_eq!(messages[1], r#"{"jsonrpc":"2.0","id":"a","result":{}}"#);
    assert_eq!(server.count("initialize"), 2);
    two.delete();
    server.wait_for(|request| request.verb == "DELETE");
    let last = one.post(call("7", "x", "{}")).messages().pop();
    assert_eq!(last.as_deref(), Some(r#"{"jsonrpc":"2.0","id":7,"result":{}}"#));
}

#[test]
fn the_older_transport_and_the_key_work_as_before_any_server() {
    let server = scripted();
    let proxy = Launch::of(&[&server.url()]).start();
    let mut sse = Sse::initialized(&proxy);
    let first = sse.ask(&call("1", "x", "{}"));
    assert!(first.contains("notifications/message"), "{first}");
    let proxy = Launch::of(&[&server.url()]).flag("--apiKey", "k").start();
    assert_eq!(proxy.send(&Request::mcp("{}")).status, 401);
}

#[test]
fn a_request_without_a_session_is_served_in_one_of_the_proxy_s_own() {
    let server = scripted();
    let proxy = Launch::of(&[&server.url()]).flags(&["--stateless"]).start();
    let response = proxy.send(&Request::mcp(call("5", "x", "{}")));
    assert!(response.messages().last().is_some_and(|last| last.contains("\"id\":5")));
    let greeting = server.wait_for(|request| request.method() == "initialize");
    let greeting: Value = serde_json::from_str(&greeting.body).expect("JSON");
    assert_eq!(greeting["params"]["capabilities"], serde_json::json!({}));
    server.wait_for(|request| request.verb == "DELETE");
}

#[test]
fn stopping_the_proxy_ends_the_sessions() {
    let server = scripted();
    let proxy = Launch::of(&[&server.url()]).start();
    let session = proxy.session();
    session.post(call("1", "x", "{}"));
    let finished = proxy.terminate();
    assert!(finished.status.success(), "{}", finished.stderr);
    server.wait_for(|request| request.verb == "DELETE");
}

/// Keys, tokens and cookies of clients are for the proxy alone.
#[test]
fn nothing_that_a_client_shows_reaches_the_server() {
    let issuer = Issuer::new();
    let (server, key) = (scripted(), "k3y-of-the-proxy");
    let launch = issuer.guard(Launch::of(&[&server.url()])).flag("--apiKey", key);
    let proxy = launch.start();
    let token = issuer.token("alice");
    let shown = |request: Request| {
        let request = request.header("Authorization", &format!("Bearer {token}"));
        request.header("Cookie", "own=s3cr3t").header("X-API-Key", key)
    };
    let modern = Modern::call("x", "{}").request();
    let opened = proxy.send(&shown(Request::mcp(crate::support::initialize("2025-06-18"))));
    assert_eq!(opened.status, 200, "{}", opened.text());
    let id = opened.header("mcp-session-id").expect("a session").to_owned();
    let called = proxy.send(&shown(Request::mcp(call("1", "x", "{}")).session(&id)));
    assert_eq!(called.status, 200, "{}", called.text());
    assert_eq!(proxy.send(&shown(modern)).status, 200);
    assert!(server.count("tools/call") >= 2);
    for received in server.received() {
        let all = format!("{received:?}");
        for secret in [&token[..], key, "s3cr3t"] {
            assert!(!all.contains(secret), "{secret} is in {all}");
        }
    }
}
