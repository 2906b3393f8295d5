//! JSON-RPC batches: accepted, split, answered one by one, bounded.

use serde_json::Value;

use crate::support::{LATEST, Launch, Proxy, Request, Session, call, initialize};

fn parsed(messages: &[String]) -> Vec<Value> {
    messages.iter().map(|message| serde_json::from_str(message).expect("a message")).collect()
}

fn echo(id: &str, text: &str) -> String {
    call(id, "echo", &format!(r#"{{"text":"{text}"}}"#))
}

fn assert_refused(session: &Session<'_>, body: &str, message: &str) {
    let answer = session.post(body);
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(answer.json()["error"]["code"], -32600);
    assert_eq!(answer.json()["error"]["message"], message);
    session.assert_healthy();
}

#[test]
fn every_request_of_a_batch_is_answered_on_one_stream() {
    let proxy = Proxy::of("echo");
    for version in ["2025-03-26", LATEST] {
        let session = Session::open_as(&proxy, version);
        let notification = r#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#;
        let response = r#"{"jsonrpc":"2.0","id":"nobody asked","result":{}}"#;
        let batch = [&echo("1", "a"), notification, &echo("\"1\"", "b"), response, &echo("2", "c")];
        let answer = session.post(format!("[ {} ]", batch.join(" , ")));
        assert_eq!(answer.status, 200);
        let mut answers: Vec<(String, String)> = parsed(&answer.messages())
            .iter()
            .map(|message| {
                let text = &message["result"]["content"][0]["text"];
                (message["id"].to_string(), text.as_str().expect("a text").to_owned())
            })
            .collect();
        answers.sort();
        let expected = [("\"1\"", "b"), ("1", "a"), ("2", "c")];
        assert_eq!(answers, expected.map(|(id, text)| (id.to_owned(), text.to_owned())));
    }
}

#[test]
fn a_batch_of_one_is_a_request() {
    let proxy = Proxy::of("echo");
    let message = proxy.session().post(format!("[{}]", echo("1", "a"))).message();
    assert_eq!(parsed(&[message])[0]["result"]["content"][0]["text"], "a");
}

#[test]
fn a_batch_without_requests_is_accepted_without_a_body() {
    let proxy = Proxy::of("echo");
    let session = proxy.session();
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#;
    for body in ["[]".to_owned(), format!("[{notification},{notification}]")] {
        let answer = session.post(body);
        assert_eq!((answer.status, answer.text()), (202, ""));
    }
}

#[test]
fn a_hundred_messages_are_the_most() {
    let proxy = Proxy::of("echo");
    let session = proxy.session();
    let batch = |count: usize| {
        let calls: Vec<String> = (0..count).map(|id| echo(&id.to_string(), "x")).collect();
        format!("[{}]", calls.join(","))
    };
    assert_eq!(session.post(batch(100)).messages().len(), 100);
    let message = "Invalid Request: Batch must not exceed 100 messages";
    assert_refused(&session, &batch(101), message);
}

#[test]
fn initialize_stands_alone() {
    let proxy = Proxy::of("echo");
    let session = proxy.session();
    let body = format!("[{},{}]", initialize(LATEST), echo("1", "x"));
    let answer = session.post(body);
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &(-32600).into()));
    session.assert_healthy();
}

#[test]
fn one_invalid_message_refuses_the_batch_before_anything_is_forwarded() {
    let proxy = Proxy::of("subscribe");
    let session = proxy.session();
    let subscribe =
        r#"{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"u"}}"#;
    for invalid in ["1", "null", "[]", "{}", r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#] {
        let answer = session.post(format!("[{subscribe},{invalid}]"));
        assert_eq!(answer.status, 400, "{invalid}: {}", answer.text());
    }
    let counts = session.call("2", "counts", "{}");
    assert!(counts.contains(r#"{"subscribed":0,"unsubscribed":0}"#), "{counts}");
}

#[test]
fn stateless_batches_are_answered_too() {
    let proxy = Launch::new("echo").flags(&["--stateless"]).start();
    let answer = proxy.send(&Request::mcp(format!("[{},{}]", echo("1", "a"), echo("2", "b"))));
    assert_eq!(answer.messages().len(), 2, "{}", answer.text());
}
