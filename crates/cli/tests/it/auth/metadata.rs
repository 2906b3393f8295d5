//! What clients can read before they have a token (RFC 9728).

use serde_json::{Value, json};

use crate::support::{Issuer, Launch, Proxy, Request, Response, initialize};

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

fn get(proxy: &Proxy, path: &str) -> Response {
    proxy.send(&Request::get(path))
}

fn document(resource: &str, scopes: &[&str]) -> Value {
    let mut document = json!({
        "resource": resource,
        "authorization_servers": ["https://idp.example"],
        "bearer_methods_supported": ["header"],
    });
    if !scopes.is_empty() {
        document["scopes_supported"] = json!(scopes);
    }
    document
}

#[test]
fn every_endpoint_says_who_grants_access_to_it() {
    let issuer = Issuer::new();
    let proxy = issuer.guard(Launch::new("echo")).flag("--authScopes", "files  mail").start();
    for (path, resource) in [
        ("", "https://mcp.example/mcp"),
        ("/", "https://mcp.example/mcp"),
        ("/mcp", "https://mcp.example/mcp"),
        ("/mcp/", "https://mcp.example/mcp"),
        ("/mcp?x=1", "https://mcp.example/mcp"),
        ("/sse", "https://mcp.example/sse"),
    ] {
        let answer = get(&proxy, &format!("{WELL_KNOWN}{path}"));
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.json(), document(resource, &["files", "mail"]), "{path}");
    }
    for nowhere in ["/messages", "/nowhere", "/ping", "/mcp/x", "//mcp"] {
        assert_eq!(get(&proxy, &format!("{WELL_KNOWN}{nowhere}")).status, 404, "{nowhere}");
    }
    let posted = proxy.send(&Request::post(WELL_KNOWN, "{}"));
    assert_eq!(posted.status, 405);
}

#[test]
fn pages_may_read_documents_and_challenges() {
    let issuer = Issuer::new();
    let proxy = issuer.guard(Launch::new("echo")).start();
    for request in [Request::get(WELL_KNOWN), Request::mcp(initialize("2025-11-25"))] {
        let answer = proxy.send(&request.header("Origin", "https://app.example"));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        let exposed = answer.header("access-control-expose-headers");
        assert_eq!(exposed, Some("Mcp-Session-Id, WWW-Authenticate"));
    }
    let preflight = Request::new("OPTIONS", WELL_KNOWN).header("Origin", "https://app.example");
    assert_eq!(proxy.send(&preflight).status, 204);
}

#[test]
fn a_path_in_front_of_the_proxy_belongs_to_its_url() {
    let issuer = Issuer::new();
    let proxy = Launch::new("echo")
        .flags(&["--auth", Issuer::NAME, "--publicUrl", "https://mcp.example/tools/"])
        .flag("--authJwks", issuer.file("keys.json"))
        .start();
    let resource = document("https://mcp.example/tools/mcp", &[]);
    for path in ["/mcp", "/tools/mcp", "/tools", ""] {
        let answer = get(&proxy, &format!("{WELL_KNOWN}{path}"));
        assert_eq!(answer.json(), resource, "{path}");
    }
    assert_eq!(get(&proxy, &format!("{WELL_KNOWN}/toolsmcp")).status, 404);
    let refused = get(&proxy, "/mcp");
    let place = "https://mcp.example/tools/.well-known/oauth-protected-resource/mcp";
    let challenge = format!("Bearer resource_metadata=\"{place}\"");
    assert_eq!(refused.header("www-authenticate"), Some(challenge.as_str()));
}

#[test]
fn a_proxy_that_does_not_know_its_name_takes_the_one_it_is_asked_for() {
    let issuer = Issuer::new();
    let proxy = Launch::new("echo")
        .flags(&["--host", "0.0.0.0", "--auth", Issuer::NAME, "--authAudience", "app"])
        .flag("--authJwks", issuer.file("keys.json"))
        .start();
    let answer = proxy.send(&Request::get(WELL_KNOWN).header("Host", "box.example:81"));
    assert_eq!(answer.json(), document("http://box.example:81/mcp", &[]));
    let bad = proxy.send(&Request::get(WELL_KNOWN).header("Host", "me@box.example"));
    assert_eq!(bad.status, 404);
}

#[test]
fn without_an_issuer_there_is_nothing_to_say() {
    let issuer = Issuer::new();
    let file = issuer.file("tokens.json");
    std::fs::write(&file, r#"{"tokens":[]}"#).expect("a file");
    for (proxy, expected) in [
        (Launch::new("echo").start(), 404),
        (Launch::new("echo").flag("--authTokens", &file).start(), 401),
    ] {
        let answer = get(&proxy, WELL_KNOWN);
        assert_eq!(answer.status, expected);
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(!challenge.contains("resource_metadata"), "{challenge}");
    }
}
