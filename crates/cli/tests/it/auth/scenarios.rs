//! What the conformance suite's repository requires of servers with tokens, but no published
//! version of the suite tests: audience, metadata, challenges, scopes, isolation of sessions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{
    Issuer, LATEST, Launch, Modern, Proxy, Request, Response, Session, call, initialize,
    issuer::now,
};

/// A proxy that derives its URL from where it listens, as a test server does.
fn start(issuer: &Issuer, flags: &[&str]) -> Proxy {
    let keys = issuer.file("keys.json");
    let launch = Launch::new("echo").flags(&["--host", "127.0.0.1", "--auth", Issuer::NAME]);
    launch.flag("--authJwks", keys).flags(flags).start()
}

fn resource(proxy: &Proxy) -> String {
    format!("http://127.0.0.1:{}/mcp", proxy.port)
}

fn probe(proxy: &Proxy, token: Option<&str>) -> Response {
    let request = Request::mcp(initialize(LATEST));
    let discover = Modern::new("server/discover").request();
    let shown = |request: Request| match token {
        Some(token) => request.header("Authorization", &format!("Bearer {token}")),
        None => request,
    };
    let (legacy, modern) = (proxy.send(&shown(request)), proxy.send(&shown(discover)));
    assert_eq!(legacy.status, modern.status, "both eras are the same");
    legacy
}

/// The parameters of a challenge (RFC 9110 §11.2); each appears once.
fn challenge(response: &Response) -> BTreeMap<String, String> {
    let value = response.header("www-authenticate").expect("a challenge");
    let mut rest = value.strip_prefix("Bearer ").expect("the scheme").trim_start();
    let mut parameters = BTreeMap::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").expect("a parameter");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{value}");
        let (text, after) = after.split_once('"').expect("a closing quote");
        assert!(!text.contains('\\'), "{value}");
        assert!(parameters.insert(name.to_owned(), text.to_owned()).is_none(), "{value}");
        rest = after.strip_prefix(", ").unwrap_or(after);
        assert!(after.is_empty() || after.starts_with(", "), "{value}");
    }
    parameters
}

#[test]
fn a_token_is_accepted_by_whom_it_is_for_and_by_nobody_else() {
    let issuer = Issuer::new();
    let proxy = start(&issuer, &[]);
    let url = resource(&proxy);
    let minted = |audience: Value, from_now: i64| {
        let expires = now().checked_add_signed(from_now).expect("a time");
        let claims = json!({ "iss": Issuer::NAME, "sub": "u", "exp": expires, "aud": audience });
        issuer.sign(&claims)
    };
    assert_eq!(probe(&proxy, None).status, 401);
    assert_eq!(probe(&proxy, Some(&minted(json!(url), 300))).status, 200);
    let untrusted = Issuer::new().sign(&json!({
        "iss": Issuer::NAME, "sub": "u", "exp": now() + 300, "aud": url,
    }));
    for token in [
        minted(json!("https://other.example/mcp"), 300),
        minted(Value::Null, 300),
        minted(json!(url), -3600),
        untrusted,
        "mcp-conformance-scope-low".to_owned(),
    ] {
        let refused = probe(&proxy, Some(&token));
        assert_eq!(refused.status, 401);
        assert_eq!(challenge(&refused)["error"], "invalid_token");
    }
}

#[test]
fn the_challenge_leads_to_a_document_about_the_url_that_was_asked() {
    let issuer = Issuer::new();
    let proxy = start(&issuer, &["--authScopes", "mcp:read files:write"]);
    let origin = format!("http://127.0.0.1:{}", proxy.port);
    let refused = probe(&proxy, None);
    let parameters = challenge(&refused);
    assert!(!parameters.contains_key("error"), "no token was sent: {parameters:?}");
    assert_eq!(parameters["scope"], "mcp:read files:write");
    let place = parameters["resource_metadata"].strip_prefix(&origin).expect("the same origin");
    assert_eq!(place, "/.well-known/oauth-protected-resource/mcp");
    let root = "/.well-known/oauth-protected-resource";
    for place in [place, root] {
        let answer = proxy.send(&Request::get(place));
        assert_eq!(answer.status, 200, "{place}");
        let document = answer.json();
        assert_eq!(document["resource"], resource(&proxy), "no slash, query or fragment");
        assert_eq!(document["authorization_servers"], json!([Issuer::NAME]));
        assert_eq!(document["bearer_methods_supported"], json!(["header"]));
        assert_eq!(document["scopes_supported"], json!(["mcp:read", "files:write"]));
    }
}

#[test]
fn a_token_that_lacks_scopes_is_told_all_of_them_in_both_eras() {
    let issuer = Issuer::new();
    let proxy = start(&issuer, &["--authScopes", "mcp:read files:write"]);
    let minted = |scope: &str| {
        issuer.sign(&json!({
            "iss": Issuer::NAME, "sub": "u", "exp": now() + 300, "aud": resource(&proxy),
            "scope": scope,
        }))
    };
    let refused = probe(&proxy, Some(&minted("mcp:baseline mcp:read")));
    assert_eq!(refused.status, 403);
    let parameters = challenge(&refused);
    assert_eq!(parameters["error"], "insufficient_scope");
    assert_eq!(parameters["scope"], "mcp:read files:write");
    assert!(parameters["resource_metadata"].ends_with("/mcp"));
    assert_eq!(probe(&proxy, Some(&minted("files:write x mcp:read"))).status, 200);
}

#[test]
fn equal_ids_of_two_people_get_each_their_own_answer() {
    let issuer = Issuer::new();
    let proxy = issuer.guard(Launch::new("echo")).start();
    let people: Vec<Session<'_>> = ["alice", "bob"]
        .map(|name| Session::open_by(&proxy, &issuer.token(name)))
        .into_iter()
        .collect();
    for round in 0..20 {
        let text = |index: usize| format!("{index}-{round}");
        let mut streams: Vec<_> = people
            .iter()
            .enumerate()
            .map(|(index, session)| {
                session.stream(call("2", "echo", &format!(r#"{{"text":"{}"}}"#, text(index))))
            })
            .collect();
        for (index, stream) in streams.iter_mut().enumerate() {
            let answer: Value = serde_json::from_str(&stream.expect()).expect("a message");
            assert_eq!(answer["id"], 2);
            assert_eq!(answer["result"]["content"][0]["text"], text(index));
        }
    }
}
