//! What the server learns about its caller.

use serde_json::{Value, json};

use crate::support::{Issuer, Launch, Session};

const KEY: &str = "io.github.mcp-proxy/identity";

fn echoed(answer: &str) -> Value {
    let answer: Value = serde_json::from_str(answer).expect("a message");
    answer["result"]["structuredContent"].clone()
}

fn asked(session: &Session<'_>, meta: &Value) -> Value {
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "meta", "arguments": {}, "_meta": meta },
    });
    echoed(&session.post(body.to_string()).message())
}

#[test]
fn the_server_is_told_who_calls_if_it_is_to_know() {
    let issuer = Issuer::new();
    let mut claims = Issuer::claims("alice");
    claims["email"] = "alice@example.com".into();
    claims["scope"] = "files".into();
    let proxy = issuer.guard(Launch::new("args")).flag("--forwardIdentity", "true").start();
    let session = Session::open_by(&proxy, &issuer.sign(&claims));
    let person = json!({
        "issuer": Issuer::NAME, "subject": "alice", "scopes": ["files"],
        "claims": { "email": "alice@example.com" },
    });
    for meta in [json!({}), json!({ KEY: { "subject": "root" } })] {
        assert_eq!(asked(&session, &meta)[KEY], person, "{meta}");
    }
}

#[test]
fn nobody_tells_the_server_himself() {
    let issuer = Issuer::new();
    let proxy = issuer.guard(Launch::new("args")).start();
    let session = Session::open_by(&proxy, &issuer.token("alice"));
    let meta = asked(&session, &json!({ KEY: { "subject": "root" }, "a": 1 }));
    assert_eq!(meta, json!({ "a": 1 }));
}
