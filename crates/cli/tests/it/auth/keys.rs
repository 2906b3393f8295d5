//! API keys of a file: several, each with its own name, scopes and expiry.

use ring::digest;
use serde_json::{Value, json};

use crate::support::{Issuer, LATEST, Launch, Request, call, initialize, wait_for};

fn line(name: &str, key: &str, scopes: &[&str]) -> Value {
    let hash = digest::digest(&digest::SHA256, key.as_bytes());
    let hash: Vec<String> = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    json!({ "name": name, "sha256": hash.concat(), "scopes": scopes })
}

fn begin(key: &str) -> Request {
    Request::mcp(initialize(LATEST)).header("X-API-Key", key)
}

#[test]
fn every_key_of_a_file_is_somebody_with_scopes_and_an_end() {
    let issuer = Issuer::new();
    let file = issuer.file("keys-of-the-proxy.json");
    let write = |keys: Value| {
        std::fs::write(&file, json!({ "apiKeys": keys }).to_string()).expect("a file");
    };
    let mut ended = line("old", "o", &["files"]);
    ended["expires"] = "2020-01-01".into();
    write(json!([line("ci", "a", &["files"]), line("cd", "b", &["files"]), ended]));
    let launch = issuer.guard(Launch::new("echo")).flag("--authTokens", &file);
    let proxy = launch.flags(&["--authScopes", "files", "--apiKey", "own"]).start();
    for (key, status) in [("a", 200), ("b", 200), ("own", 200), ("o", 401), ("c", 401)] {
        assert_eq!(proxy.send(&begin(key)).status, status, "{key}");
    }
    let bearer = Request::mcp(initialize(LATEST)).header("Authorization", "Bearer a");
    assert_eq!(proxy.send(&bearer).status, 401, "a key of the file has its own header");
    let opened = proxy.send(&begin("a"));
    let session = opened.header("mcp-session-id").expect("a session");
    let echo = Request::mcp(call("1", "echo", "{}")).session(session);
    assert_eq!(proxy.send(&echo.clone().header("X-API-Key", "b")).status, 404);
    assert_eq!(proxy.send(&echo.clone().header("X-API-Key", "a")).status, 200);
    // The key changes, and the session of its owner continues.
    write(json!([line("ci", "new", &["files"]), line("cd", "b", &["mail"])]));
    wait_for("the file is read again", || (proxy.send(&begin("new")).status == 200).then_some(()));
    assert_eq!(proxy.send(&echo.clone().header("X-API-Key", "new")).status, 200);
    assert_eq!(proxy.send(&echo.header("X-API-Key", "a")).status, 401);
    let lacking = proxy.send(&begin("b"));
    assert_eq!(lacking.status, 403);
    assert!(lacking.header("www-authenticate").is_some_and(|text| text.contains("\"files\"")));
    assert_eq!(proxy.send(&begin("own")).status, 200, "the flag's own key needs no scopes");
}
