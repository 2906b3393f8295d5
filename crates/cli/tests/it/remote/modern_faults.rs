//! What can happen to a request to a 2026-07-28 server: it is cancelled, refused, or cut off.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{
    client::Client,
    modern::{MODERN, acknowledge, body, modern, refuse},
    server::{Received, Server, result},
    support::{Launch, Modern, call},
};

fn listens(request: &Received) -> bool {
    request.method() == "subscriptions/listen"
}

/// A server that notices the end of each call's connection.
fn held() -> (Server, std::sync::mpsc::Receiver<()>) {
    let (gone, left) = std::sync::mpsc::channel();
    let server = modern(move |request, wire| {
        if request.method() != "tools/call" {
            return false;
        }
        wire.events();
        wire.event(": there");
        wire.hold();
        assert!(gone.send(()).is_ok(), "the test waits for it");
        true
    });
    (server, left)
}

#[test]
fn a_cancelled_call_ends_its_connection_and_nothing_is_said_of_it() {
    let (server, left) = held();
    let mut client = Client::greeted(&server.url(), &MODERN);
    client.send(&call("7", "x", "{}"));
    server.wait_for(|request| request.method() == "tools/call");
    client.send(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#);
    left.recv_timeout(crate::support::DEADLINE).expect("the connection has ended");
    let pong = client.ask(r#"{"jsonrpc":"2.0","id":8,"method":"ping"}"#);
    assert_eq!(pong["id"], 8, "the call is not answered");
    assert_eq!(server.count("notifications/cancelled"), 0);
}

#[test]
fn a_client_that_leaves_ends_its_call_s_connection() {
    let (server, left) = held();
    let proxy = Launch::of(&[&server.url()]).flags(&MODERN).start();
    let mut connection = proxy.connect();
    connection.write(&Modern::call("x", "{}").request().bytes());
    server.wait_for(|request| request.method() == "tools/call");
    drop(connection);
    left.recv_timeout(crate::support::DEADLINE).expect("the connection has ended");
}

#[test]
fn headers_that_the_server_misses_are_learned_from_its_tools() {
    const TOOLS: &str = r#"{"resultType":"complete","tools":[{"name":"x","inputSchema":{"type":"object","properties":{"r":{"type":"string","x-mcp-header":"Region"}}}},{"name":"bad","inputSchema":{"type":"object","properties":{"r":{"type":"number","x-mcp-header":"R"}}}}],"ttlMs":0,"cacheScope":"private"}"#;
    let server = modern(|request, wire| {
        match request.method().as_str() {
            "tools/list" => wire.json(&result(request, TOOLS)),
            "tools/call" if request.header("mcp-param-region").is_none() => {
                refuse(request, wire, r#"{"code":-32020,"message":"the header is missing"}"#);
            }
            _ => return false,
        }
        true
    });
    let mut client = Client::greeted(&server.url(), &MODERN);
    let answer = client.ask(&call("1", "x", r#"{"r":"eu"}"#));
    assert!(answer["result"].is_object(), "{answer}");
    let calls: Vec<Received> =
        server.received().into_iter().filter(|sent| sent.method() == "tools/call").collect();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[1].header("mcp-param-region"), Some("eu"));
    assert_ne!(calls[0].id(), calls[1].id(), "another request");
    let list = client.ask(r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#);
    let names: Vec<_> = list["result"]["tools"].as_array().expect("tools").iter().collect();
    assert!(names.len() == 1 && names[0]["name"] == "x", "{list}");
}

#[test]
fn what_may_have_run_is_not_sent_again_and_what_changes_nothing_is_under_another_id() {
    let lists = AtomicUsize::new(0);
    let server = modern(move |request, wire| {
        match request.method().as_str() {
            "tools/call" => wire.half_close(),
            "tools/list" if lists.fetch_add(1, Ordering::SeqCst) == 0 => wire.half_close(),
            _ => return false,
        }
        true
    });
    let mut client = Client::greeted(&server.url(), &MODERN);
    let failed = client.ask(&call("1", "x", "{}"));
    let message = failed["error"]["message"].as_str().expect("an error");
    assert!(message.contains("not known whether the call ran"), "{message}");
    assert_eq!(server.count("tools/call"), 1);
    let list = client.ask(r#"{"jsonrpc":"2.0","id":"l","method":"tools/list"}"#);
    assert_eq!((&list["id"], list["result"]["tools"].is_array()), (&"l".into(), true), "{list}");
    let ids: Vec<String> = server
        .received()
        .iter()
        .filter(|sent| sent.method() == "tools/list")
        .map(Received::id)
        .collect();
    assert!(ids.len() == 2 && ids[0] != ids[1], "{ids:?}");
}

#[test]
fn an_error_of_the_protocol_is_the_answer_whatever_its_status() {
    let server = modern(|request, wire| {
        if request.method() != "vendor/thing" {
            return false;
        }
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":-32601,"message":"no such","data":1.0}}}}"#,
            request.id()
        );
        wire.answer("404 Not Found", "Content-Type: application/json\r\n", &text);
        true
    });
    let mut client = Client::greeted(&server.url(), &MODERN);
    client.send(r#"{"jsonrpc":"2.0","id":1.0,"method":"vendor/thing"}"#);
    let expected =
        r#"{"jsonrpc":"2.0","id":1.0,"error":{"code":-32601,"message":"no such","data":1.0}}"#;
    assert_eq!(client.line(), expected);
}

#[test]
fn changes_reach_the_client_and_their_stream_is_opened_again() {
    let streams = AtomicUsize::new(0);
    let server = modern(move |request, wire| {
        if !listens(request) {
            return false;
        }
        acknowledge(request, wire);
        let first = streams.fetch_add(1, Ordering::SeqCst) == 0;
        let text = if first { "one" } else { "two" };
        wire.event(&format!(
            r#"data: {{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{{"v":"{text}","_meta":{{"io.modelcontextprotocol/subscriptionId":{}}}}}}}"#,
            request.id()
        ));
        if !first {
            wire.hold();
        }
        true
    });
    let mut client = Client::greeted(&server.url(), &MODERN);
    for text in ["one", "two"] {
        let expected = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{{"v":"{text}"}}}}"#
        );
        assert_eq!(client.line(), expected);
    }
    let (status, stderr) = client.finish();
    assert!(status.success(), "{stderr}");
    assert!(stderr.contains("it is opened again"), "{stderr}");
}

#[test]
fn what_is_logged_on_a_call_s_stream_is_for_its_client_alone() {
    let server = modern(|request, wire| {
        if request.method() != "tools/call" {
            return false;
        }
        wire.events();
        let id = request.id();
        wire.event(
            r#"data: {"jsonrpc":"2.0","id":"s","method":"sampling/createMessage","params":{}}"#,
        );
        wire.event(&format!(
            r#"data: {{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"info","data":"of {}"}}}}"#,
            body(request)["params"]["name"].as_str().unwrap_or_default()
        ));
        wire.event(&format!(
            r#"data: {{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{id},"progress":1}}}}"#
        ));
        wire.event(&format!(
            "data: {}",
            result(request, r#"{"resultType":"complete","content":[]}"#)
        ));
        true
    });
    let proxy = Launch::of(&[&server.url()]).flags(&MODERN).start();
    for tool in ["one", "two"] {
        let request = Modern::call(tool, "{}")
            .meta(r#""progressToken":"p","io.modelcontextprotocol/logLevel":"debug""#);
        let messages = request.send(&proxy).messages();
        assert_eq!(messages.len(), 3, "a server of this era asks nothing: {messages:?}");
        assert!(messages[0].contains(&format!("of {tool}")), "{messages:?}");
        assert!(messages[1].contains(r#""progressToken":"p""#), "{messages:?}");
    }
    let silent = Modern::call("x", "{}").send(&proxy).messages();
    assert!(!silent.concat().contains("notifications/message"), "{silent:?}");
}
