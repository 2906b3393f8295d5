//! `auth` in a file: who is let in, and what callers may do, at every endpoint.

use serde_json::{Value, json};

use super::config_file::{Folder, entry, file, serve};
use crate::support::{
    Issuer, LATEST, Modern, Proxy, Request, Response, call, initialize, wait_for,
};

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
const GROUPS: &str = r#""groups": { "one": ["a"] }"#;

/// The top of a file that accepts this issuer's tokens, in the form of an object.
pub(super) fn top(issuer: &Issuer, further: &str) -> String {
    let keys = issuer.file("keys.json").display().to_string();
    let auth = json!({
        "issuer": Issuer::NAME, "publicUrl": Issuer::PUBLIC, "jwks": keys, "scopes": ["use"],
    });
    let auth = auth.to_string();
    format!("{{ {GROUPS}, \"auth\": {}{further} }} }}", auth.trim_end_matches('}'))
}

/// A token for every endpoint.
pub(super) fn token(issuer: &Issuer, scope: &str, groups: &Value) -> String {
    let mut claims = Issuer::claims("alice");
    let paths = ["/mcp", "/servers/a/mcp", "/servers/b/mcp", "/groups/one/mcp"];
    claims["aud"] = paths.map(|path| format!("{}{path}", Issuer::PUBLIC)).to_vec().into();
    claims["scope"] = scope.into();
    claims["department"] = groups.clone();
    issuer.sign(&claims)
}

/// A session of this caller at an endpoint.
pub(super) struct Visit<'p> {
    proxy: &'p Proxy,
    path: &'static str,
    id: String,
    token: String,
}

impl<'p> Visit<'p> {
    pub(super) fn open(proxy: &'p Proxy, path: &'static str, token: &str) -> Self {
        let mut visit = Self { proxy, path, id: String::new(), token: token.to_owned() };
        let answer = proxy.send(&visit.request(initialize(LATEST)));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.header("mcp-session-id").expect("a session").clone_into(&mut visit.id);
        visit.post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        visit
    }

    /// The same session with another token of the same caller.
    pub(super) fn by(&self, token: &str) -> Self {
        let (proxy, path, id) = (self.proxy, self.path, self.id.clone());
        Self { proxy, path, id, token: token.to_owned() }
    }

    pub(super) fn request(&self, body: impl Into<Vec<u8>>) -> Request {
        let request = Request::post(self.path, body)
            .header("Accept", "application/json, text/event-stream")
            .header("Authorization", &format!("Bearer {}", self.token));
        if self.id.is_empty() { request } else { request.session(&self.id) }
    }

    pub(super) fn post(&self, body: impl Into<Vec<u8>>) -> Response {
        self.proxy.send(&self.request(body))
    }

    pub(super) fn ask(&self, method: &str, params: &Value) -> Response {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        self.post(body.to_string())
    }

    pub(super) fn tools(&self) -> Vec<String> {
        let answer = self.ask("tools/list", &json!({})).message();
        let answer: Value = serde_json::from_str(&answer).expect("a message");
        let tools = answer["result"]["tools"].as_array().expect("tools");
        tools.iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect()
    }

    /// The code of the error that a call gets, if it fails.
    pub(super) fn code(&self, tool: &str) -> Option<i64> {
        let answer = self.post(call("1", tool, r#"{"text":"x"}"#)).message();
        let answer: Value = serde_json::from_str(&answer).expect("a message");
        answer["error"]["code"].as_i64()
    }
}

pub(super) fn assert_needs(answer: &Response, scopes: &str, path: &str) {
    assert_eq!(answer.status, 403, "{scopes}: {}", answer.text());
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    assert!(challenge.starts_with("Bearer error=\"insufficient_scope\""), "{challenge}");
    assert!(challenge.contains(&format!("scope=\"{scopes}\"")), "{challenge}");
    let place = format!("resource_metadata=\"{}{WELL_KNOWN}{path}\"", Issuer::PUBLIC);
    assert!(challenge.contains(&place), "{challenge}");
}

const RULES: &str = r#""mcp-proxy": { "auth": {
    "scopes": ["files"],
    "tools": { "ech?": ["files:write"], "pid": { "claims": { "department": ["staff"] } } }
} }"#;

fn two(folder: &Folder, issuer: &Issuer, rules: &str, further: &str) -> Proxy {
    let servers = [entry("a", "echo", rules), entry("b", "echo", "")];
    folder.write("mcp.json", file(&servers, &top(issuer, further)));
    serve(folder, &["--config", "mcp.json"])
}

#[test]
fn every_endpoint_has_a_document_and_an_audience_of_its_own() {
    let (folder, issuer) = (Folder::new(), Issuer::new());
    let proxy = two(&folder, &issuer, RULES, "");
    for (path, scopes) in [
        ("/mcp", &["use"][..]),
        ("/sse", &["use"]),
        ("/servers/a/mcp", &["use", "files"]),
        ("/servers/a/sse", &["use", "files"]),
        ("/servers/b/mcp", &["use"]),
        ("/groups/one/mcp", &["use"]),
    ] {
        let document = proxy.send(&Request::get(&format!("{WELL_KNOWN}{path}"))).json();
        assert_eq!(document["resource"], format!("{}{path}", Issuer::PUBLIC));
        assert_eq!(document["authorization_servers"], json!([Issuer::NAME]));
        assert_eq!(document["scopes_supported"], json!(scopes), "{path}");
        let place = format!("resource_metadata=\"{}{WELL_KNOWN}{path}\"", Issuer::PUBLIC);
        let refused = proxy.send(&Request::post(path, initialize(LATEST)));
        assert_eq!(refused.status, 401, "{path}");
        let challenge = refused.header("www-authenticate").expect("a challenge");
        assert!(challenge.contains(&place), "{challenge}");
    }
    for nowhere in ["/servers/c/mcp", "/servers/a", "/groups/two/mcp"] {
        let answer = proxy.send(&Request::get(&format!("{WELL_KNOWN}{nowhere}")));
        assert_eq!(answer.status, 404, "{nowhere}");
    }
    let mut claims = Issuer::claims("alice");
    claims["scope"] = "use files".into();
    let merged = Visit::open(&proxy, "/mcp", &issuer.sign(&claims));
    let elsewhere = Visit { path: "/servers/a/mcp", id: String::new(), ..merged };
    assert_eq!(elsewhere.post(initialize(LATEST)).status, 401, "a token is for one endpoint");
    claims["aud"] = format!("{}/servers/a/mcp", Issuer::PUBLIC).into();
    Visit::open(&proxy, "/servers/a/mcp", &issuer.sign(&claims));
}

#[test]
fn a_server_s_rules_hold_where_servers_are_merged() {
    let (folder, issuer) = (Folder::new(), Issuer::new());
    let proxy = two(&folder, &issuer, RULES, "");
    let nobody = json!("guests");
    assert_needs(
        &proxy.send(
            &Visit {
                proxy: &proxy,
                path: "/mcp",
                id: String::new(),
                token: token(&issuer, "", &nobody),
            }
            .request(initialize(LATEST)),
        ),
        "use",
        "/mcp",
    );
    let guest = Visit::open(&proxy, "/mcp", &token(&issuer, "use", &nobody));
    assert_eq!(
        guest.tools(),
        ["a__echo", "b__echo", "b__pid"],
        "what lacks a scope only is listed"
    );
    assert_eq!(guest.code("b__echo"), None);
    assert_needs(&guest.post(call("1", "a__echo", "{}")), "use files files:write", "/mcp");
    for (method, params) in [
        ("prompts/get", json!({ "name": "a__greet" })),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/prompt", "name": "a__greet" }, "argument": { "name": "x", "value": "" } }),
        ),
    ] {
        assert_needs(&guest.ask(method, &params), "use files", "/mcp");
    }
    assert_eq!(guest.code("a__pid"), Some(-32602), "it does not exist for guests");
    let modern = Modern::call("a__echo", r#"{"text":"x"}"#).request();
    let modern = modern.header("Authorization", &format!("Bearer {}", guest.token));
    assert_needs(&proxy.send(&modern), "use files files:write", "/mcp");
    let better = guest.by(&token(&issuer, "use files files:write", &nobody));
    assert_eq!(better.code("a__echo"), None, "the newest token counts");
    let staff = Visit::open(&proxy, "/mcp", &token(&issuer, "use files", &json!(["x", "staff"])));
    assert_eq!(staff.tools(), ["a__echo", "a__pid", "b__echo", "b__pid"]);
    assert_eq!(staff.code("a__pid"), None);
}

#[test]
fn a_server_s_scopes_are_needed_for_everything_of_it() {
    let (folder, issuer) = (Folder::new(), Issuer::new());
    let proxy = two(&folder, &issuer, RULES, "");
    let nobody = json!("guests");
    for path in ["/servers/a/mcp", "/groups/one/mcp"] {
        let full = Visit::open(&proxy, path, &token(&issuer, "use files", &nobody));
        assert_needs(&full.post(call("1", tool(path), "{}")), "use files files:write", path);
        let lacking = full.by(&token(&issuer, "use", &nobody));
        for (method, params) in [
            ("resources/read", json!({ "uri": "file:///x" })),
            ("resources/subscribe", json!({ "uri": "file:///x" })),
            ("prompts/get", json!({ "name": name(path, "x") })),
            (
                "completion/complete",
                json!({ "ref": { "type": "ref/prompt", "name": name(path, "x") }, "argument": { "name": "x", "value": "" } }),
            ),
            ("tasks/get", json!({ "taskId": "t" })),
            ("tasks/result", json!({ "taskId": "t" })),
            ("tasks/cancel", json!({ "taskId": "t" })),
        ] {
            let answer = lacking.ask(method, &params);
            if answer.status == 200 {
                // A group does not serve a server that none of its names mean.
                let text = answer.text();
                assert!(
                    path.starts_with("/groups") && text.contains("\"error\""),
                    "{method}: {text}"
                );
            } else {
                assert_needs(&answer, "use files", path);
            }
        }
    }
}

fn tool(path: &str) -> &'static str {
    if path.starts_with("/groups") { "a__echo" } else { "echo" }
}

fn name(path: &str, name: &str) -> String {
    if path.starts_with("/groups") { format!("a__{name}") } else { name.to_owned() }
}

#[test]
fn what_the_top_says_holds_for_every_server() {
    let (folder, issuer) = (Folder::new(), Issuer::new());
    let further = r#", "tools": { "pid": ["admin"] }, "claims": { "department": ["staff", "guests"] }, "rate": "2/h""#;
    let rules = r#""mcp-proxy": { "auth": { "claims": { "department": ["staff"] } } }"#;
    let proxy = two(&folder, &issuer, rules, further);
    let guest = Visit::open(&proxy, "/mcp", &token(&issuer, "use", &json!("guests")));
    assert_eq!(guest.tools(), ["b__echo", "b__pid"]);
    assert_eq!(guest.code("a__echo"), Some(-32602));
    assert_needs(&guest.post(call("1", "b__pid", "{}")), "use admin", "/mcp");
    let again = Visit::open(&proxy, "/servers/b/mcp", &token(&issuer, "use", &json!("guests")));
    assert_eq!((guest.code("b__echo"), again.code("echo")), (None, None));
    let third = again.post(call("1", "echo", "{}"));
    assert_eq!(third.status, 429, "whichever session and endpoint: {}", third.text());
    assert!(third.header("retry-after").is_some());
    let stranger = token(&issuer, "use", &json!("others"));
    let stranger = Visit::open(&proxy, "/mcp", &stranger);
    assert_eq!(stranger.tools(), Vec::<String>::new());
}

#[test]
fn other_rules_hold_at_once() {
    let (folder, issuer) = (Folder::new(), Issuer::new());
    let proxy = two(&folder, &issuer, "", "");
    let named = token(&issuer, "use", &json!("staff"));
    let session = Visit::open(&proxy, "/servers/a/mcp", &named);
    let merged = Visit::open(&proxy, "/mcp", &named);
    let process = session.post(call("1", "pid", "{}")).message();
    assert_eq!(merged.code("a__echo"), None);
    let rewrite = |rules: &str| {
        let servers = [entry("a", "echo", rules), entry("b", "echo", "")];
        folder.write("mcp.json", file(&servers, &top(&issuer, "")));
    };
    rewrite(RULES);
    wait_for("the scope is needed", || {
        (session.post(call("1", "echo", "{}")).status == 403).then_some(())
    });
    assert_needs(&merged.post(call("1", "a__echo", "{}")), "use files files:write", "/mcp");
    let document = proxy.send(&Request::get(&format!("{WELL_KNOWN}/servers/a/mcp"))).json();
    assert_eq!(document["scopes_supported"], json!(["use", "files"]));
    // A claim that no rule used before.
    let full = session.by(&token(&issuer, "use files", &json!("staff")));
    assert_eq!(full.post(call("1", "pid", "{}")).message(), process, "the server goes on");
    let guest = Visit::open(&proxy, "/servers/a/mcp", &token(&issuer, "use files", &json!("x")));
    assert_eq!(guest.tools(), ["echo"]);
    rewrite("");
    wait_for("nothing is needed", || {
        (session.post(call("1", "echo", "{}")).status == 200).then_some(())
    });
}

#[test]
fn the_issuer_may_be_said_in_every_spelling() {
    let (folder, issuer) = (Folder::new(), Issuer::new());
    let keys = issuer.file("keys.json").display().to_string();
    let flat = json!({
        "auth": Issuer::NAME, "publicUrl": Issuer::PUBLIC, "authJwks": keys, "authScopes": "use",
    });
    let listed = json!({
        "auth": [Issuer::NAME], "publicUrl": Issuer::PUBLIC, "authJwks": keys, "authScopes": "use",
    });
    let rules = json!({ "auth": { "scopes": ["use"] } });
    let typed = ["--auth", Issuer::NAME, "--publicUrl", Issuer::PUBLIC, "--authJwks", &keys];
    for (block, flags) in [(flat, &[][..]), (listed, &[]), (rules, &typed)] {
        folder.write("mcp.json", file(&[entry("a", "echo", "")], &block.to_string()));
        let proxy = serve(&folder, &[&["--config", "mcp.json"][..], flags].concat());
        let visit = Visit::open(&proxy, "/mcp", &token(&issuer, "use", &Value::Null));
        assert_eq!(visit.code("echo"), None);
        let lacking = visit.by(&token(&issuer, "", &Value::Null));
        assert_needs(&lacking.post(call("1", "echo", "{}")), "use", "/mcp");
    }
}

#[test]
fn rules_that_nobody_can_satisfy_are_told_of() {
    let folder = Folder::new();
    folder.write("mcp.json", file(&[entry("a", "echo", RULES)], ""));
    let report = folder.run(&["--checkConfig", "mcp.json"]);
    assert!(report.stdout.contains("clients are not asked for tokens"), "{report:?}");
    assert!(report.stdout.contains("auth: scopes files"), "{report:?}");
}

#[test]
fn a_check_finds_what_the_start_would_refuse() {
    let folder = Folder::new();
    for (top, word) in [
        (r#"{ "auth": { "issuer": "https://idp.example" } }"#, "--publicUrl"),
        (r#"{ "auth": { "tokens": "nowhere.json" } }"#, "nowhere.json"),
    ] {
        folder.write("mcp.json", file(&[entry("a", "echo", "")], top));
        let report = folder.run(&["--checkConfig", "mcp.json"]);
        assert_eq!(report.code, Some(1), "{report:?}");
        assert!(report.stdout.contains("cannot start"), "{report:?}");
        assert!(report.stdout.contains(word), "{report:?}");
        let local = folder.run(&["--config", "mcp.json", "--checkConfig", "--stdio"]);
        assert_eq!(local.code, Some(0), "nobody is asked for a token there: {local:?}");
    }
}

#[test]
fn a_server_for_each_identity_knows_whose_it_is() {
    let (folder, issuer) = (Folder::new(), Issuer::new());
    let rules =
        r#""env": { "WHO": "<${claim:department}>" }, "mcp-proxy": { "isolation": "identity" }"#;
    let server = entry("a", "args", rules);
    let shared = entry("b", "args", r#""env": { "WHO": "${claim:department}" }"#);
    folder.write("mcp.json", file(&[server, shared], &top(&issuer, "")));
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    let path = "/servers/a/mcp";
    let visit = Visit::open(&proxy, path, &token(&issuer, "use", &json!("staff")));
    let answer = visit.post(call("1", "process", "{}")).message();
    assert!(answer.contains("<staff>"), "{answer}");
    let line = proxy.stderr.line(|line| line.contains("needs --isolation identity"));
    assert!(line.is_some(), "the other one is not started");
}

#[test]
fn every_refusal_is_one_event_with_who_what_and_why() {
    let (folder, issuer) = (Folder::new(), Issuer::new());
    let servers = [entry("a", "echo", RULES), entry("b", "echo", "")];
    folder.write("mcp.json", file(&servers, &top(&issuer, "")));
    let proxy = serve(&folder, &["--config", "mcp.json", "--logFormat", "json"]);
    let full = token(&issuer, "use files", &json!("guests"));
    let guest = Visit::open(&proxy, "/mcp", &full);
    assert_eq!(guest.post(call("1", "a__echo", "{}")).status, 403);
    assert_eq!(guest.code("a__pid"), Some(-32602));
    let request = Request::post("/mcp", initialize(LATEST)).header("User-Agent", "client/1");
    assert_eq!(proxy.send(&request).status, 401);
    let wrong = request.header("Authorization", "Bearer opaque");
    assert_eq!(proxy.send(&wrong).status, 401);
    let stderr = proxy.terminate().stderr;
    let events = stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let refusals: Vec<Value> =
        events.filter(|event| event["target"] == "mcp_proxy::audit").collect();
    let [scope, unknown, missing, wrong] = &refusals[..] else { panic!("{refusals:#?}") };
    for (event, tool, outcome) in
        [(scope, "echo", "insufficient_scope"), (unknown, "pid", "unknown")]
    {
        let fields = fields(event);
        assert_eq!(fields["issuer"], Issuer::NAME);
        assert_eq!(fields["subject"].as_str().map(str::len), Some(16), "a hash");
        assert_eq!(fields["method"], "tools/call");
        assert_eq!((&fields["tool"], &fields["outcome"]), (&json!(tool), &json!(outcome)));
        assert!(!event.to_string().contains("alice"), "{event}");
    }
    for (event, outcome) in [(missing, "unauthorized"), (wrong, "invalid_token")] {
        let fields = fields(event);
        assert_eq!((&fields["outcome"], &fields["status"]), (&json!(outcome), &json!(401)));
        assert_eq!(
            (&fields["client"], &fields["request"]),
            (&json!("client/1"), &json!("POST /mcp"))
        );
    }
}

/// The fields of an event, in either format.
fn fields(event: &Value) -> &Value {
    event.get("fields").unwrap_or(event)
}
