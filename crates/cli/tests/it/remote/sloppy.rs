//! Servers that break rules but can be understood: events without messages, cookies, byte order
//! marks, codings.

use super::{
    client::{Client, call},
    server::{Received, Server, Wire, result},
    support::{LATEST, initialize},
};

/// Events without a message that servers send.
const NO_MESSAGES: [&str; 14] = [
    "data: ping",
    "data: ",
    "data:",
    "data: {}",
    "data: []",
    "data: [DONE]",
    "data: null",
    "data: 42",
    "data: {\"type\":\"heartbeat\",\"timestamp\":\"2026-01-01T00:00:00Z\"}",
    "data: {\"jsonrpc\":\"2.0\"}",
    "event: heartbeat\ndata: {\"t\":1}",
    "event: error\ndata: upstream hiccup",
    "event: endpoint\ndata: /messages?session=9",
    "event: message\ndata: \u{1b}[2J\u{1b}]0;title\u{7}",
];

#[test]
fn events_that_are_no_messages_are_skipped_on_the_stream_of_a_call() {
    for junk in NO_MESSAGES {
        let server = Server::start(move |request: &Received, wire: &mut Wire| {
            let is_call = request.method() == "tools/call";
            if is_call {
                wire.events();
                wire.event(junk);
                wire.event(&format!("data: {}", result(request, r#"{"late":true}"#)));
                wire.event(junk);
            }
            is_call
        });
        let mut client = Client::greeted(&server.url(), &[]);
        for id in ["1", "2"] {
            let answer = client.ask(&call(id));
            assert_eq!(answer["result"]["late"], true, "{junk:?}: {answer}");
        }
        let (status, stderr) = client.finish();
        assert!(status.success(), "{stderr}");
        let told = stderr.lines().filter(|line| line.contains("not messages")).count();
        assert!(told <= 1, "{junk:?}: it is logged once: {stderr}");
        let plain = |letter: char| letter == '\n' || !letter.is_control();
        assert!(stderr.chars().all(plain), "{junk:?}: {stderr:?}");
    }
}

#[test]
fn events_that_are_no_messages_are_skipped_on_the_standing_stream() {
    let server = Server::start(|request: &Received, wire: &mut Wire| {
        let is_stream = request.verb == "GET";
        if is_stream {
            wire.events();
            for junk in NO_MESSAGES {
                wire.event(junk);
            }
            wire.event(r#"data: {"jsonrpc":"2.0","method":"notifications/x"}"#);
            wire.hold();
        }
        is_stream
    });
    let mut client = Client::greeted(&server.url(), &[]);
    assert_eq!(client.message()["method"], "notifications/x");
    assert_eq!(server.received().iter().filter(|request| request.verb == "GET").count(), 1);
}

#[test]
fn events_that_are_no_messages_are_skipped_over_the_older_transport_and_before_its_endpoint() {
    let stream: std::sync::Mutex<Option<Wire>> = std::sync::Mutex::default();
    let server = Server::start(move |request: &Received, wire: &mut Wire| {
        let mut stream = stream.lock().expect("a stream");
        if request.verb == "GET" {
            wire.events();
            wire.event("event: ping\ndata: 2026-01-01 00:00:00+00:00");
            wire.event("event: endpoint\ndata: /messages");
            *stream = Some(wire.share());
        } else {
            wire.answer("202 Accepted", "", "Accepted");
            let stream = stream.as_mut().expect("a stream");
            for junk in NO_MESSAGES {
                stream.event(junk);
            }
            let initialized = super::server::INITIALIZED;
            let text =
                if request.method() == "initialize" { initialized } else { r#"{"old":true}"# };
            if request.id() != "null" {
                stream.event(&format!("event: message\ndata: {}", result(request, text)));
            }
        }
        true
    });
    let mut client = Client::greeted(&server.url(), &["--transport", "sse"]);
    assert_eq!(client.ask(&call("1"))["result"]["old"], true);
    assert_eq!(server.received().iter().filter(|request| request.verb == "GET").count(), 1);
}

/// A load balancer that identifies a session by its cookie.
fn sticky() -> Server {
    Server::start(|request: &Received, wire: &mut Wire| {
        if request.method() == "initialize" {
            wire.answer(
                "200 OK",
                "Content-Type: application/json\r\nMcp-Session-Id: s1\r\nSet-Cookie: LB=node7; Path=/; HttpOnly\r\nSet-Cookie: LBCORS=node7; Path=/; SameSite=None; Secure\r\n",
                &result(request, super::server::INITIALIZED),
            );
            return true;
        }
        let known = request.header("cookie").is_some_and(|cookie| cookie.contains("LB=node7"));
        if !known {
            wire.answer("404 Not Found", "", "another machine");
        }
        !known
    })
}

#[test]
fn a_cookie_keeps_a_session_on_its_machine() {
    let server = sticky();
    let mut client = Client::greeted(&server.url(), &[]);
    for id in ["1", "2"] {
        let answer = client.ask(&call(id));
        assert_eq!(answer["result"]["usual"], true, "{answer}");
    }
    assert_eq!(server.count("initialize"), 1);
    let first = server.wait_for(|request| request.method() == "initialize");
    assert_eq!(first.header("cookie"), None);
}

#[test]
fn a_cookie_that_is_given_stands_for_all_others() {
    let server = sticky();
    let mut client = Client::with(&server.url(), &["--header", "Cookie: mine=1"]);
    client.ask(&initialize(LATEST));
    client.send(super::client::INITIALIZED);
    let sent = server.wait_for(|request| request.method() == "notifications/initialized");
    assert_eq!(sent.header("cookie"), Some("mine=1"));
}

#[test]
fn a_byte_order_mark_before_an_answer_is_passed_over() {
    let server = Server::start(|request: &Received, wire: &mut Wire| {
        let is_call = request.method() == "tools/call";
        if is_call {
            wire.json(&format!("\u{feff}{}", result(request, r#"{"marked":true}"#)));
        }
        is_call
    });
    let mut client = Client::greeted(&server.url(), &[]);
    assert_eq!(client.ask(&call("1"))["result"]["marked"], true);
}

#[test]
fn a_coding_that_was_not_asked_for_is_named() {
    for coding in ["gzip", "br", "zstd", "identity, deflate"] {
        let server = Server::start(move |request: &Received, wire: &mut Wire| {
            let is_call = request.method() == "tools/call";
            if is_call {
                let headers =
                    format!("Content-Type: application/json\r\nContent-Encoding: {coding}\r\n");
                wire.answer("200 OK", &headers, "\u{1f}\u{8b}");
            }
            is_call
        });
        let mut client = Client::greeted(&server.url(), &[]);
        let answer = client.ask(&call("1"))["error"]["message"].to_string();
        let named = coding.rsplit(' ').next().expect("a name");
        assert!(answer.contains(&format!("Content-Encoding: {named}")), "{answer}");
        let sent = server.wait_for(|request| request.method() == "tools/call");
        assert_eq!(sent.header("accept-encoding"), Some("identity"));
    }
}

/// A server that answers calls with this, as an event or as a body.
fn answering(template: &'static str, as_event: bool) -> Server {
    Server::start(move |request: &Received, wire: &mut Wire| {
        let is_call = request.method() == "tools/call";
        if is_call {
            let text = template.replace("$ID", &request.id());
            if as_event {
                wire.events();
                wire.event(&format!("data: {text}"));
                wire.hold();
            } else {
                wire.json(&text);
            }
        }
        is_call
    })
}

#[test]
fn answers_that_are_clear_are_understood() {
    for template in [
        r#"{"jsonrpc":"2.0","id":$ID,"result":{"clear":true},"error":null}"#,
        r#"{"jsonrpc":"2.0","id":$ID,"method":null,"result":{"clear":true}}"#,
        r#"{"id":$ID,"result":{"clear":true}}"#,
        r#"{"jsonrpc":null,"id":$ID,"result":{"clear":true}}"#,
        r#"{"jsonrpc":"1.0","id":$ID,"result":{"clear":true}}"#,
        r#"{"jsonrpc":2.0,"id":$ID,"result":{"clear":true}}"#,
        r#"{"jsonrpc":"2.0","id":"$ID","result":{"clear":true}}"#,
        r#"{"jsonrpc":"2.0","id":$ID.0,"result":{"clear":true}}"#,
        r#"[{"id":$ID,"result":{"clear":true},"error":null}]"#,
        r#"INFO {"jsonrpc":"2.0","id":$ID,"result":{"clear":true}}"#,
    ] {
        for as_event in [false, true] {
            let server = answering(template, as_event);
            let mut client = Client::greeted(&server.url(), &[]);
            let answer = client.ask(&call("7"));
            assert_eq!(answer["result"]["clear"], true, "{template} {as_event}: {answer}");
            assert_eq!(answer["id"], 7, "{template} {as_event}: {answer}");
        }
    }
}

#[test]
fn an_answer_that_cannot_be_read_fails_its_call_at_once() {
    for (template, said) in [
        (r#"{"jsonrpc":"2.0","id":$ID,"result":{"v":NaN}}"#, "at byte"),
        (r#"{"jsonrpc":"2.0","id":$ID,"result":{"content":[{"text":"cut"#, "at byte"),
        ("{\"jsonrpc\":\"2.0\",\"id\":$ID,\"result\":{\"t\":\"\u{1}\"}}", "at byte"),
        ("{'jsonrpc': '2.0', 'id': $ID, 'result': {'a': True}}", "at byte 1"),
        (r#"{"jsonrpc":"2.0","id":$ID}"#, "exactly one"),
        (r#"{"jsonrpc":"2.0","id":$ID,"error":"disk full"}"#, "disk full"),
        (r#"{"jsonrpc":"2.0","id":$ID,"error":{"message":"no code"}}"#, "no code"),
    ] {
        for as_event in [false, true] {
            let server = answering(template, as_event);
            let mut client = Client::greeted(&server.url(), &[]);
            let answer = client.ask(&call("7"));
            let message = answer["error"]["message"].as_str().unwrap_or_default();
            assert!(message.contains(said), "{template} {as_event}: {answer}");
            assert!(answer["error"]["code"].is_i64(), "{template} {as_event}: {answer}");
        }
    }
}
