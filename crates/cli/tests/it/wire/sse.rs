//! The HTTP+SSE transport: the stream, its `endpoint` event, and that endpoint's answers.

use crate::support::{Event, LATEST, Launch, Proxy, Request, Sse, call, initialize};

#[test]
fn the_stream_starts_with_its_endpoint_and_a_greeting() {
    let proxy = Proxy::of("echo");
    let mut stream = proxy.stream(&Request::get("/sse"));
    assert_eq!(stream.header("cache-control"), Some("no-cache, no-transform"));
    let Event { name, id, data, .. } = stream.event().expect("the endpoint");
    assert_eq!((name.as_deref(), id), (Some("endpoint"), None));
    let endpoint = data.expect("a path");
    let session = endpoint.strip_prefix("/messages?sessionId=").expect("the documented path");
    assert!(session.len() >= 32, "{session}");
    let Event { name, id, data, .. } = stream.event().expect("the greeting");
    assert_eq!((name.as_deref(), id), (Some("message"), None));
    let data: serde_json::Value = serde_json::from_str(&data.expect("data")).expect("a message");
    let params = serde_json::json!({ "data": "SSE Connection established", "level": "info" });
    assert_eq!(data["method"], "notifications/message");
    assert_eq!(data["params"], params);
}

#[test]
fn answers_travel_on_the_stream() {
    let proxy = Proxy::of("echo");
    let mut sse = Sse::initialized(&proxy);
    for id in ["1", "\"1\"", "-7"] {
        let answer = sse.ask(&call(id, "echo", r#"{"text":"hi"}"#));
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("a message");
        assert_eq!(answer["id"].to_string(), id);
    }
}

#[test]
fn every_handshake_revision_is_served() {
    let proxy = Proxy::of("echo");
    for version in ["2024-10-07", "2024-11-05", "2025-06-18", LATEST] {
        let answer = Sse::open(&proxy).ask(&initialize(version));
        assert!(answer.contains(version), "{answer}");
    }
}

#[test]
fn posts_without_a_live_stream_are_400() {
    let proxy = Proxy::of("echo");
    let gone = Sse::open(&proxy).endpoint;
    let outcome = |target: &str| {
        let answer = proxy.send(&Request::post(target, "{}"));
        (answer.status, answer.text().to_owned())
    };
    assert_eq!(outcome("/messages"), (400, "No sessionId".to_owned()));
    assert_eq!(outcome("/messages?other=1"), (400, "No sessionId".to_owned()));
    assert_eq!(outcome("/messages?sessionId=x"), (400, "No active transport".to_owned()));
    assert_eq!(outcome("/messagesfoo?sessionId=x"), (400, "No active transport".to_owned()));
    crate::support::wait_for("the stream is gone", || {
        (outcome(&gone) == (400, "No active transport".to_owned())).then_some(())
    });
}

#[test]
fn malformed_posts_are_400_and_the_stream_lives() {
    let proxy = Proxy::of("echo");
    let mut sse = Sse::initialized(&proxy);
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for body in ["", "not json", "{}", "[]", &format!("[{ping}]"), "1", "null"] {
        let answer = sse.post(body);
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.text(), format!("Invalid message: {body}"));
    }
    let plain = Request::post(&sse.endpoint, ping).header("Content-Type", "text/plain");
    let answer = proxy.send(&plain);
    assert_eq!(answer.text(), "Error: Unsupported content-type: text/plain");
    assert_eq!(answer.status, 400);
    assert_eq!(proxy.send(&plain.without("Content-Type")).status, 400);
    assert!(sse.ask(ping).contains(r#""id":1"#));
}

/// Differs from mcp-proxy: there `/messages` has a limit of its own.
#[test]
fn the_body_limit_holds_for_posts() {
    let proxy = Launch::new("echo").flags(&["--maxBodySize", "1000"]).start();
    let mut sse = Sse::initialized(&proxy);
    let long = call("1", "echo", &format!(r#"{{"text":"{}"}}"#, "x".repeat(1000)));
    assert_eq!(sse.post(long).status, 413);
    let large = Launch::new("echo").start();
    let text = "y".repeat(5 * 1024 * 1024);
    let answer =
        Sse::initialized(&large).ask(&call("1", "echo", &format!(r#"{{"text":"{text}"}}"#)));
    assert!(answer.contains(&text));
    assert!(sse.ask(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).contains(r#""id":1"#));
}

#[test]
fn progress_and_list_changes_arrive_in_order() {
    let proxy = Proxy::of("progress 3");
    let mut sse = Sse::initialized(&proxy);
    sse.send(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"work","_meta":{"progressToken":"t"}}}"#);
    for step in 1..=3 {
        assert!(sse.events.expect().contains(&format!("\"progress\":{step}")));
    }
    assert!(sse.events.expect().contains(r#""id":1"#));
    let changing = Proxy::of("list-changed");
    let mut sse = Sse::initialized(&changing);
    sse.send(&call("2", "change", "{}"));
    let messages = sse.events.until(r#""id":2"#);
    assert_eq!(messages.len(), 4, "{messages:?}");
}

#[test]
fn streams_do_not_see_each_other() {
    let proxy = Proxy::of("echo");
    let (mut one, mut two) = (Sse::initialized(&proxy), Sse::initialized(&proxy));
    one.send(&call("1", "echo", r#"{"text":"for one"}"#));
    two.send(&call("1", "echo", r#"{"text":"for two"}"#));
    assert!(two.events.expect().contains("for two"));
    assert!(one.events.expect().contains("for one"));
}
