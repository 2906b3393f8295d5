//! Requests from the server: on a shared server nobody knows for which client they are.

use serde_json::{Value, json};

use crate::support::{Proxy, Sse, call};

/// The answer that the server got, and the other messages on the call's stream.
fn ask(proxy: &Proxy, method: &str, params: &str) -> Value {
    let session = proxy.session();
    let arguments = format!(r#"{{"method":"{method}","params":{params}}}"#);
    let answer: Value =
        serde_json::from_str(&session.call("1", "ask", &arguments)).expect("a message");
    answer["result"]["structuredContent"].clone()
}

#[test]
fn ping_is_answered() {
    assert_eq!(ask(&Proxy::of("asks"), "ping", "{}"), json!({ "result": {} }));
}

#[test]
fn what_needs_a_client_is_refused_with_the_way_out() {
    let proxy = Proxy::of("asks");
    for (method, params) in [
        ("sampling/createMessage", r#"{"messages":[],"maxTokens":1}"#),
        ("roots/list", "{}"),
        ("elicitation/create", r#"{"message":"m","requestedSchema":{}}"#),
        ("vendor/question", "{}"),
    ] {
        let answer = ask(&proxy, method, params);
        assert_eq!(answer["error"]["code"], -32601, "{method}: {answer}");
        let message = answer["error"]["message"].as_str().expect("a message");
        assert!(message.contains("--isolation session"), "{method}: {message}");
    }
}

#[test]
fn no_client_sees_them() {
    let proxy = Proxy::of("asks");
    let session = proxy.session();
    let mut sse = Sse::initialized(&proxy);
    session.call("1", "ask", r#"{"method":"roots/list"}"#);
    sse.send(&call("2", "ask", r#"{"method":"ping"}"#));
    let first = sse.events.expect();
    assert!(first.contains(r#""id":2"#), "{first}");
}

/// Core tasks have no owner: a client might see another one's.
#[test]
fn tasks_are_refused_with_the_way_out() {
    let proxy = Proxy::of("echo");
    let get = r#"{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"taskId":"786"}}"#;
    let answer: Value =
        serde_json::from_str(&proxy.session().post(get).message()).expect("a message");
    assert_eq!(answer["error"]["code"], -32601, "{answer}");
    assert!(answer["error"]["message"].to_string().contains("--isolation session"), "{answer}");
}
