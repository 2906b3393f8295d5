//! What the server learns about its caller.

use serde_json::{Value, json};

use crate::{
    remote::server::{Received, Server, Wire},
    support::{Issuer, Launch, Modern, Session, call},
};

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
    let modern = Modern::call("meta", "{}").meta(&format!(r#""{KEY}":{{"subject":"root"}}"#));
    let token = format!("Bearer {}", issuer.sign(&claims));
    let answer = proxy.send(&modern.request().header("Authorization", &token));
    assert_eq!(answer.json()["result"]["structuredContent"][KEY], person);
}

#[test]
fn nobody_tells_the_server_himself() {
    let issuer = Issuer::new();
    let proxy = issuer.guard(Launch::new("args")).start();
    let session = Session::open_by(&proxy, &issuer.token("alice"));
    let meta = asked(&session, &json!({ KEY: { "subject": "root" }, "a": 1 }));
    assert_eq!(meta, json!({ "a": 1 }));
}

#[test]
fn no_token_of_a_caller_is_passed_on_to_a_remote_server() {
    let issuer = Issuer::new();
    for own in [None, Some("own")] {
        let server = Server::start(|_: &Received, _: &mut Wire| false);
        let launch = issuer.guard(Launch::of(&[&server.url()]));
        let launch = launch.flag("--forwardIdentity", "true");
        let flags: Vec<&str> = own.into_iter().flat_map(|own| ["--bearerToken", own]).collect();
        let proxy = launch.flags(&flags).start();
        let token = issuer.token("alice");
        let session = Session::open_by(&proxy, &token);
        assert_eq!(session.post(call("1", "x", "{}")).status, 200);
        let sent = server.received();
        assert!(sent.iter().any(|request| request.method() == "tools/call"));
        for request in sent {
            let shown = request.header("authorization");
            assert_eq!(shown, own.map(|own| format!("Bearer {own}")).as_deref());
            assert!(!request.body.contains(&token));
        }
    }
}
