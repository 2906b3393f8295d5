//! GET on the Streamable HTTP endpoint: the standalone stream, resumption, keep-alive comments.

use crate::support::{Event, EventStream, Launch, Modern, Proxy, Request, call};

const CHANGED: [&str; 3] = [
    r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{}}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/prompts/list_changed","params":{}}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/resources/list_changed","params":{}}"#,
];

fn assert_error(proxy: &Proxy, request: &Request, status: u16, message: &str) {
    let answer = proxy.send(request);
    assert_eq!(answer.status, status, "{}", answer.text());
    let json = answer.json();
    assert_eq!(json["error"]["code"], if status == 404 { -32001 } else { -32000 });
    assert_eq!(json["error"]["message"], message);
    assert_eq!(json["id"], serde_json::Value::Null);
}

/// The next event that has a message, with its id.
fn numbered(stream: &mut EventStream) -> (String, String) {
    loop {
        let Event { id, data, .. } = stream.event().expect("another event");
        if let Some(data) = data.filter(|data| !data.is_empty()) {
            return (id.expect("an id"), data);
        }
    }
}

/// A call whose progress is reported under this token.
fn tracked(id: &str, tool: &str, token: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"_meta":{{"progressToken":{token}}},"name":"{tool}","arguments":{{}}}}}}"#
    )
}

#[test]
fn unsolicited_notifications_arrive_on_the_standalone_stream_only() {
    let proxy = Proxy::of("list-changed");
    let session = proxy.session();
    let mut stream = session.listen();
    let answer = session.post(call("1", "change", "{}"));
    assert!(answer.message().contains("changed"), "{}", answer.text());
    for expected in CHANGED {
        assert_eq!(stream.expect(), expected);
    }
}

#[test]
fn every_session_is_told_that_a_list_changed() {
    let proxy = Proxy::of("list-changed");
    let (one, two) = (proxy.session(), proxy.session());
    let mut streams = [one.listen(), two.listen()];
    one.call("1", "change", "{}");
    for stream in &mut streams {
        for expected in CHANGED {
            assert_eq!(stream.expect(), expected);
        }
    }
}

#[test]
fn the_stream_is_refused_as_documented() {
    let proxy = Proxy::of("echo");
    let session = proxy.session();
    let nameless = proxy.send(&Request::get("/mcp").header("Accept", "text/event-stream"));
    assert_eq!((nameless.status, nameless.text()), (400, "No sessionId"));
    assert_error(&proxy, &Request::listen("unknown"), 404, "Session not found");
    let accept = "Not Acceptable: Client must accept text/event-stream";
    for kind in ["application/json", "text/html"] {
        assert_error(&proxy, &session.listening().header("Accept", kind), 406, accept);
    }
    let version = session.listening().header("Mcp-Protocol-Version", "2023-01-01");
    let text = "Bad Request: Unsupported protocol version: 2023-01-01 (supported versions: \
        2025-11-25, 2025-06-18, 2025-03-26, 2024-11-05, 2024-10-07)";
    assert_error(&proxy, &version, 400, text);
    let unknown = session.listening().header("Last-Event-ID", "no-such-event");
    assert_error(&proxy, &unknown, 400, "Invalid event ID format");
}

#[test]
fn the_stream_can_be_opened_again_after_its_client_left() {
    let proxy = Proxy::of("list-changed");
    let session = proxy.session();
    drop(session.listen());
    let mut stream = session.listen();
    session.call("1", "change", "{}");
    assert_eq!(stream.expect(), CHANGED[0]);
}

#[test]
fn opening_and_resuming_is_printed() {
    let proxy = Proxy::of("list-changed");
    let session = proxy.session();
    let mut stream = session.listen();
    session.call("1", "change", "{}");
    let (id, _) = numbered(&mut stream);
    drop(stream);
    session.resume(&id);
    for line in [
        format!("[mcp-proxy] establishing new SSE stream for session ID {}", session.id),
        format!(
            "[mcp-proxy] client reconnecting with Last-Event-ID {id} for session ID {}",
            session.id
        ),
    ] {
        assert!(proxy.stdout.line(|printed| printed == line).is_some(), "{line}");
    }
}

#[test]
fn missed_notifications_are_replayed_and_the_stream_goes_on() {
    let proxy = Proxy::of("list-changed");
    let session = proxy.session();
    let mut stream = session.listen();
    session.call("1", "change", "{}");
    let (first, _) = numbered(&mut stream);
    drop(stream);
    session.call("2", "change", "{}");
    let mut stream = session.resume(&first);
    for expected in CHANGED[1..].iter().chain(&CHANGED) {
        assert_eq!(stream.expect(), *expected);
    }
    session.call("3", "change", "{}");
    assert_eq!(stream.expect(), CHANGED[0]);
}

#[test]
fn an_answer_is_resumed_where_its_connection_broke() {
    let proxy = Proxy::of("slow");
    let session = proxy.session();
    let mut broken = session.stream(tracked("\"the call\"", "hold", "\"t\""));
    let mut other = session.stream(tracked("\"other\"", "hold", "\"u\""));
    session.call("1", "step", "{}");
    let (last, _) = numbered(&mut broken);
    drop(broken);
    session.call("2", "step", "{}");
    session.call("3", "release", "{}");
    let mut resumed = session.resume(&last);
    let (second, progress) = numbered(&mut resumed);
    let (third, result) = numbered(&mut resumed);
    assert!(progress.contains(r#""progressToken":"t","progress":2"#), "{progress}");
    assert!(result.contains(r#""id":"the call","result""#), "{result}");
    assert_eq!(resumed.event(), None, "the answer is complete");
    assert_ne!(second, third);
    assert_eq!(other.until(r#""id":"other""#).len(), 3, "the other answer went its own way");
    let again = session.resume(&second).expect();
    assert_eq!(again, result, "an answer can be read again");
}

#[test]
fn an_answer_is_resumed_from_its_priming_event_while_the_call_runs() {
    let proxy = Proxy::of("slow");
    let session = proxy.session();
    let mut broken = session.stream(tracked("5", "hold", "5"));
    let priming = broken.event().and_then(|event| event.id).expect("a priming event");
    drop(broken);
    let mut resumed = session.resume(&priming);
    session.call("1", "step", "{}");
    assert!(resumed.expect().contains(r#""progressToken":5,"progress":1"#));
    session.call("2", "release", "{}");
    assert!(resumed.expect().contains(r#""id":5,"result""#));
    assert_eq!(resumed.event(), None);
}

#[test]
fn a_session_cannot_resume_the_answers_of_another() {
    let proxy = Proxy::of("slow");
    let (one, two) = (proxy.session(), proxy.session());
    let events = one.post(call("1", "echo", r#"{"text":"secret"}"#)).events();
    for event in events {
        let id = event.id.expect("an id");
        let foreign = two.listening().header("Last-Event-ID", &id);
        assert_error(&proxy, &foreign, 400, "Invalid event ID format");
    }
}

#[test]
fn without_an_event_store_last_event_id_is_ignored() {
    let proxy = Launch::new("list-changed").flags(&["--no-eventStore"]).start();
    let session = proxy.session();
    let mut stream = session.resume("anything");
    session.call("1", "change", "{}");
    assert_eq!(stream.expect(), CHANGED[0]);
}

#[test]
fn an_evicted_event_cannot_be_resumed_from() {
    let proxy = Launch::new("list-changed").flags(&["--eventStoreMaxEvents", "2"]).start();
    let session = proxy.session();
    let mut stream = session.listen();
    session.call("1", "change", "{}");
    let (first, _) = numbered(&mut stream);
    drop(stream);
    session.call("2", "change", "{}");
    let request = session.listening().header("Last-Event-ID", &first);
    assert_error(&proxy, &request, 400, "Invalid event ID format");
}

/// The interval is 15 s, so this test takes twice as long.
#[test]
fn every_open_stream_carries_keep_alive_comments() {
    let proxy = Proxy::of("slow");
    let session = proxy.session();
    let sse = crate::support::Sse::initialized(&proxy);
    let mut held = session.stream(call("1", "hold", "{}"));
    held.event().expect("a priming event");
    let mut standalone = session.listen();
    standalone.event().expect("a priming event");
    // A response of the newer era begins after the same silence, and gets keep-alive comments from
    // then on.
    let modern = proxy.stream(&Modern::call("hold", "{}").request());
    for mut stream in [standalone, held, sse.events, modern] {
        let event = stream.event().expect("a comment");
        assert_eq!(event, Event { comment: Some("keepalive".to_owned()), ..Event::default() });
    }
}
