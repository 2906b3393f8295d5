//! What callers may do at an endpoint with several servers: requests are refused before they reach
//! a server, by the caller's newest token, whoever has sent requests before.

use serde_json::{Value, json};

use super::{
    config_callers::{Visit, assert_needs, token, top},
    config_file::{Folder, entry, file, serve},
};
use crate::support::{Issuer, LATEST, Modern, Proxy, Request, Response, call, initialize};

const SCOPED: &str = r#""mcp-proxy": { "auth": { "scopes": ["files"] } }"#;
const STAFF: &str = r#""mcp-proxy": { "auth": { "claims": { "department": ["staff"] } } }"#;

/// Two servers of the fixture `library`, whose lists take longer than a response waits for its
/// first message. The group contains only the first, which has the rules.
fn libraries(folder: &Folder, issuer: &Issuer, rules: &str) -> Proxy {
    let servers = [entry("a", "library a 100", rules), entry("b", "library b 100", "")];
    folder.write("mcp.json", file(&servers, &top(issuer, "")));
    serve(folder, &["--config", "mcp.json"])
}

/// All requests that the server `a` answers.
fn wishes() -> [(&'static str, Value); 6] {
    let complete =
        |reference: Value| json!({ "ref": reference, "argument": { "name": "x", "value": "" } });
    [
        ("resources/read", json!({ "uri": "book:///a" })),
        ("resources/read", json!({ "uri": "a:///7" })),
        ("resources/subscribe", json!({ "uri": "book:///a" })),
        ("prompts/get", json!({ "name": "a__a" })),
        ("completion/complete", complete(json!({ "type": "ref/prompt", "name": "a__a" }))),
        ("completion/complete", complete(json!({ "type": "ref/resource", "uri": "a:///{page}" }))),
    ]
}

fn modern(proxy: &Proxy, path: &str, request: &Modern, token: &str) -> Response {
    proxy.send(&request.request().at(path).header("Authorization", &format!("Bearer {token}")))
}

#[test]
fn whatever_lacks_a_scope_is_refused_before_it_reaches_its_server() {
    for path in ["/groups/one/mcp", "/mcp"] {
        for (method, params) in wishes() {
            let (folder, issuer) = (Folder::new(), Issuer::new());
            let proxy = libraries(&folder, &issuer, SCOPED);
            let lacking = Visit::open(&proxy, path, &token(&issuer, "use", &Value::Null));
            assert_needs(&lacking.ask(method, &params), "use files", path);
            let full = lacking.by(&token(&issuer, "use files", &Value::Null));
            let asked = full.post(call("1", "a__asked", "{}")).message();
            assert!(asked.contains(r#""text":"0""#), "{method}: {asked}");
            let answer = full.ask(method, &params).message();
            assert!(answer.contains("\"result\""), "{method}: {answer}");
        }
    }
}

#[test]
fn requests_without_sessions_are_refused_like_others() {
    let (folder, issuer) = (Folder::new(), Issuer::new());
    let proxy = libraries(&folder, &issuer, SCOPED);
    let lacking = token(&issuer, "use", &Value::Null);
    for path in ["/groups/one/mcp", "/mcp"] {
        for request in [
            Modern::new("resources/read").params(r#""uri":"book:///a""#).named("book:///a"),
            Modern::new("prompts/get").params(r#""name":"a__a""#).named("a__a"),
            Modern::new("subscriptions/listen")
                .params(r#""notifications":{"resourceSubscriptions":["book:///a"]}"#),
        ] {
            assert_needs(&modern(&proxy, path, &request, &lacking), "use files", path);
        }
    }
}

#[test]
fn whoever_may_listen_to_some_servers_listens_to_those() {
    let (folder, issuer) = (Folder::new(), Issuer::new());
    let servers = [entry("a", "list-changed", SCOPED), entry("b", "list-changed", "")];
    folder.write("mcp.json", file(&servers, &top(&issuer, "")));
    let proxy = serve(&folder, &["--config", "mcp.json", "--logFormat", "json"]);
    let shown = token(&issuer, "use", &Value::Null);
    let listen = Modern::new("subscriptions/listen")
        .params(r#""notifications":{"toolsListChanged":true}"#)
        .request()
        .header("Authorization", &format!("Bearer {shown}"));
    let mut stream = proxy.stream(&listen);
    assert!(stream.expect().contains("acknowledged"));
    let staff = Visit::open(&proxy, "/mcp", &token(&issuer, "use files", &Value::Null));
    staff.post(call("1", "a__change", "{}"));
    staff.post(call("2", "b__change", "{}"));
    assert!(stream.expect().contains("tools/list_changed"));
    assert_needs(&proxy.send(&listen.at("/groups/one/mcp")), "use files", "/groups/one/mcp");
    drop(stream);
    let lines = proxy.terminate().stderr;
    let refusals = lines.matches(r#""outcome":"insufficient_scope""#).count();
    assert_eq!(refusals, 2, "one for each stream: {lines}");
}

#[test]
fn a_server_that_rests_is_not_started_for_a_call_that_is_refused() {
    let (folder, issuer) = (Folder::new(), Issuer::new());
    let rules = r#""mcp-proxy": { "lazy": true, "auth": { "tools": { "echo": ["files"] } } }"#;
    let servers = [entry("a", "echo", rules), entry("b", "echo", "")];
    folder.write("mcp.json", file(&servers, &top(&issuer, "")));
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    let lacking = Visit::open(&proxy, "/mcp", &token(&issuer, "use", &Value::Null));
    assert_needs(&lacking.post(call("1", "a__echo", "{}")), "use files", "/mcp");
    let state = || {
        let bearer = format!("Bearer {}", token(&issuer, "use", &Value::Null));
        proxy.send(&Request::get("/servers").header("Authorization", &bearer)).text().to_owned()
    };
    assert!(state().contains("lazy"), "{}", state());
}

#[test]
fn nobody_loses_a_resource_because_somebody_else_does_not_see_it() {
    let (folder, issuer) = (Folder::new(), Issuer::new());
    let proxy = libraries(&folder, &issuer, STAFF);
    let open =
        |department: &str| Visit::open(&proxy, "/mcp", &token(&issuer, "use", &json!(department)));
    let (staff, guest) = (open("staff"), open("guests"));
    let read = |visit: &Visit<'_>, uri: &str| {
        let answer = visit.ask("resources/read", &json!({ "uri": uri })).message();
        let answer: Value = serde_json::from_str(&answer).expect("a message");
        answer["error"]["code"].as_i64()
    };
    let lists = |visit: &Visit<'_>| {
        ["resources/list", "resources/templates/list"]
            .map(|method| visit.ask(method, &json!({})).message())
            .concat()
    };
    assert!(lists(&staff).contains("book:///a") && lists(&staff).contains("a:///{page}"));
    assert!(!lists(&guest).contains("book:///a"));
    for uri in ["book:///a", "a:///7"] {
        assert_eq!(read(&guest, uri), Some(-32602), "{uri}");
        assert_eq!(read(&staff, uri), None, "{uri}");
    }
    assert_eq!(read(&staff, "book:///c"), Some(-32602));
}

#[test]
fn lists_show_what_the_newest_token_lets_see() {
    let (folder, issuer) = (Folder::new(), Issuer::new());
    let rules = r#""mcp-proxy": { "auth": { "tools": { "pid": { "claims": { "department": ["staff"] } } } } }"#;
    let servers = [entry("a", "echo", rules), entry("b", "echo", "")];
    folder.write("mcp.json", file(&servers, &top(&issuer, "")));
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    let guest = Visit::open(&proxy, "/mcp", &token(&issuer, "use", &json!("guests")));
    assert_eq!(guest.tools(), ["a__echo", "b__echo", "b__pid"]);
    let staff = guest.by(&token(&issuer, "use", &json!("staff")));
    assert_eq!(staff.tools(), ["a__echo", "a__pid", "b__echo", "b__pid"]);
    assert_eq!(guest.tools(), ["a__echo", "b__echo", "b__pid"], "and back");
}

#[test]
fn whoever_calls_too_often_is_told_so_in_streams_as_well() {
    let (folder, issuer) = (Folder::new(), Issuer::new());
    let rules =
        r#""mcp-proxy": { "auth": { "tools": { "echo": { "rate": "1/h" }, "pid": ["files"] } } }"#;
    let servers = [entry("a", "echo", rules), entry("b", "echo", "")];
    folder.write("mcp.json", file(&servers, &top(&issuer, "")));
    let proxy = serve(&folder, &["--config", "mcp.json", "--logFormat", "json"]);
    let mut claims = Issuer::claims("alice");
    claims["aud"] =
        ["/mcp", "/sse"].map(|path| format!("{}{path}", Issuer::PUBLIC)).to_vec().into();
    claims["scope"] = "use".into();
    let bearer = format!("Bearer {}", issuer.sign(&claims));
    let by = |request: Request| request.header("Authorization", &bearer);
    let mut stream = proxy.stream(&by(Request::get("/sse").header("Accept", "text/event-stream")));
    let place = stream.event().and_then(|event| event.data).expect("the endpoint event");
    let mut ask = |body: String, found: &str| {
        assert_eq!(proxy.send(&by(Request::post(&place, body))).status, 202);
        stream.until(found).pop().expect("an answer")
    };
    ask(initialize(LATEST), "serverInfo");
    assert!(ask(call("1", "a__echo", "{}"), r#""id":1"#).contains("result"));
    let refused: Value =
        serde_json::from_str(&ask(call("2", "a__echo", "{}"), r#""id":2"#)).expect("a message");
    let seconds = refused["error"]["data"]["retryAfterSeconds"].as_u64().expect("a time");
    assert!((3500..=3600).contains(&seconds), "{refused}");
    let lacking: Value =
        serde_json::from_str(&ask(call("3", "a__pid", "{}"), r#""id":3"#)).expect("a message");
    assert_eq!(lacking["error"]["data"]["required_scopes"], json!(["files"]));
    let visit = Visit::open(&proxy, "/mcp", &issuer.sign(&claims));
    let answer = visit.post(call("4", "a__echo", "{}"));
    assert_eq!(answer.status, 429, "whichever session and transport");
    assert!(answer.header("retry-after").is_some());
    drop(stream);
    let lines = proxy.terminate().stderr;
    assert_eq!(lines.matches(r#""outcome":"rate_limited""#).count(), 2, "{lines}");
}

#[test]
fn calls_under_way_are_bounded_for_each_caller() {
    let (folder, issuer) = (Folder::new(), Issuer::new());
    let rules = r#""mcp-proxy": { "auth": { "tools": { "hold": { "concurrency": 1 } } } }"#;
    let servers = [entry("a", "slow", rules), entry("b", "echo", "")];
    folder.write("mcp.json", file(&servers, &top(&issuer, "")));
    let proxy = serve(&folder, &["--config", "mcp.json"]);
    let alice = token(&issuer, "use", &Value::Null);
    let one = Visit::open(&proxy, "/mcp", &alice);
    let other = Visit::open(&proxy, "/servers/a/mcp", &alice);
    let mut held = proxy.stream(&one.request(call("1", "a__hold", r#"{"text":"x"}"#)));
    let further = other.post(call("2", "hold", r#"{"text":"y"}"#));
    assert_eq!(further.status, 429, "{}", further.text());
    assert_eq!(further.header("retry-after"), Some("1"));
    other.post(call("3", "release", "{}"));
    assert!(held.until(r#""id":1"#).pop().expect("an answer").contains("result"));
}
