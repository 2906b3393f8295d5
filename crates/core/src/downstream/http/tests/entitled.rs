//! How a policy looks to HTTP clients: status, challenge and body.

use super::*;
use crate::{
    config::{Pattern, Policy, Rate, ResourceServerConfig, ToolPolicy},
    identity::{Bearer, resource_server::Outside, static_tokens::make_token},
    relay::Entitled,
};

/// A port for callers whose tokens have these scopes, in front of a server with this policy.
struct Office {
    world: World,
    tokens: Vec<String>,
    folder: tempfile::TempDir,
}

impl Office {
    fn new(policy: Policy, people: &[&[&str]]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.json");
        let make = |(index, scopes): (usize, &&[&str])| {
            let scopes: Vec<String> = scopes.iter().map(|&scope| scope.to_owned()).collect();
            make_token(&path, &format!("p{index}"), &scopes, None).unwrap().secret
        };
        let tokens = people.iter().enumerate().map(make).collect();
        let config = ResourceServerConfig { tokens: Some(path), ..Default::default() };
        let auth = AuthConfig { resource_server: Some(config), ..AuthConfig::default() };
        let outside = Outside::of(Some("https://h"), ("::", 1), false).unwrap();
        let bearer = Bearer::of(&auth, outside).unwrap().map(Arc::new);
        let world = World::guarded(auth, bearer);
        let backend = Entitled::around(Arc::new(Named("server")), policy, None);
        let (config, common) = (&world.config, Arc::clone(world.port.common()));
        let mount = Mount::new(config, Paths::of(config), backend, common);
        world.port.exchange(Routes::new(vec![mount]));
        Self { world, tokens, folder }
    }

    async fn post(
        &self,
        person: usize,
        session: Option<&str>,
        body: &str,
    ) -> (Response<()>, String) {
        let mut request = Request::post("/mcp")
            .header("host", "h")
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("authorization", format!("Bearer {}", self.tokens[person]));
        if let Some(session) = session {
            request = request.header("mcp-session-id", session);
        }
        let (head, body) = self.world.send(request, body).await.into_parts();
        (Response::from_parts(head.clone(), ()), whole(Response::from_parts(head, body)).await)
    }

    async fn session(&self, person: usize) -> String {
        let (head, _) = self.post(person, None, INITIALIZE).await;
        assert_eq!(head.status(), StatusCode::OK);
        head.headers()["mcp-session-id"].to_str().unwrap().to_owned()
    }
}

fn call(tool: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"{tool}"}}}}"#)
}

fn rule(tools: &str) -> ToolPolicy {
    ToolPolicy::new(Pattern::Glob(tools.to_owned()))
}

#[tokio::test]
async fn a_call_that_lacks_scopes_is_403_with_all_of_them() {
    let writes = ToolPolicy { scopes: vec!["files:write".to_owned()], ..rule("delete_*") };
    let policy = Policy { tools: vec![writes], ..Policy::default() };
    let office = Office::new(policy, &[&["files"], &["files:write"]]);
    let session = office.session(0).await;
    let (_, read) = office.post(0, Some(&session), &call("read")).await;
    assert!(read.contains(r#""name":"server""#), "{read}");
    let (head, body) = office.post(0, Some(&session), &call("delete_file")).await;
    assert_eq!(head.status(), StatusCode::FORBIDDEN);
    let challenge = head.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains(r#"error="insufficient_scope""#), "{challenge}");
    assert!(challenge.contains(r#"scope="files:write""#), "{challenge}");
    assert_eq!(
        body,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32001,"message":"Insufficient scope","data":{"error":"insufficient_scope","required_scopes":["files:write"]}}}"#
    );
    let batch = format!("[{},{}]", call("read"), call("delete_file").replace('7', "8"));
    let (head, body) = office.post(0, Some(&session), &batch).await;
    assert_eq!(head.status(), StatusCode::OK, "half of it is answered");
    assert!(body.contains(r#""id":7,"result""#) && body.contains(r#""id":8,"error""#), "{body}");
    let other = office.session(1).await;
    let (head, _) = office.post(1, Some(&other), &call("delete_file")).await;
    assert_eq!(head.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_newest_token_of_a_session_counts() {
    let policy = Policy {
        tools: vec![ToolPolicy { scopes: vec!["b".to_owned()], ..rule("*") }],
        ..Policy::default()
    };
    let mut office = Office::new(policy, &[&["a"]]);
    let session = office.session(0).await;
    let (head, _) = office.post(0, Some(&session), &call("x")).await;
    assert_eq!(head.status(), StatusCode::FORBIDDEN);
    // The same person, with a token that allows more.
    let path = office.folder.path().join("tokens.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let made = make_token(&path, "p0", &["b".to_owned()], None).unwrap();
    assert_ne!(text, std::fs::read_to_string(&path).unwrap());
    office.tokens.push(made.secret);
    loop {
        let (head, _) = office.post(1, Some(&session), &call("x")).await;
        if head.status() == StatusCode::OK {
            break;
        }
        assert_eq!(head.status(), StatusCode::UNAUTHORIZED, "until the file is read again");
    }
}

#[tokio::test]
async fn who_calls_too_often_is_told_when_to_come_back() {
    let rate = Rate::parse("2/min");
    let policy = Policy { tools: vec![ToolPolicy { rate, ..rule("*") }], ..Policy::default() };
    let office = Office::new(policy, &[&[], &[]]);
    let first = office.session(0).await;
    let second = office.session(0).await;
    for session in [&first, &second] {
        let (head, _) = office.post(0, Some(session), &call("x")).await;
        assert_eq!(head.status(), StatusCode::OK);
    }
    let (head, body) = office.post(0, Some(&first), &call("x")).await;
    assert_eq!(head.status(), StatusCode::TOO_MANY_REQUESTS, "whichever session it is");
    let seconds: u64 = head.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((25..=30).contains(&seconds), "{seconds}");
    assert!(body.contains(&format!(r#""data":{{"retryAfterSeconds":{seconds}}}"#)), "{body}");
    let (head, _) = office.post(0, Some(&first), &call("y")).await;
    assert_eq!(head.status(), StatusCode::OK, "another tool");
    let other = office.session(1).await;
    let (head, _) = office.post(1, Some(&other), &call("x")).await;
    assert_eq!(head.status(), StatusCode::OK, "another person");
}

#[tokio::test]
async fn what_an_endpoint_needs_is_asked_before_anything_is_read() {
    let policy = Policy { scopes: vec!["files".to_owned()], ..Policy::default() };
    let office = Office::new(policy, &[&["mail"], &["files"]]);
    let (head, _) = office.post(0, None, INITIALIZE).await;
    assert_eq!(head.status(), StatusCode::FORBIDDEN);
    assert!(head.headers()["www-authenticate"].to_str().unwrap().contains(r#"scope="files""#));
    office.session(1).await;
    let claims = [("groups".to_owned(), vec!["staff".to_owned()])].into();
    let office = Office::new(Policy { claims, ..Policy::default() }, &[&[]]);
    let (head, _) = office.post(0, None, INITIALIZE).await;
    assert_eq!(head.status(), StatusCode::FORBIDDEN);
    assert!(!head.headers().contains_key("www-authenticate"), "no other token would help");
}

#[tokio::test]
async fn a_tool_for_others_is_as_if_it_were_not_there() {
    let claims = [("groups".to_owned(), vec!["staff".to_owned()])].into();
    let policy =
        Policy { tools: vec![ToolPolicy { claims, ..rule("admin_*") }], ..Policy::default() };
    let office = Office::new(policy, &[&[]]);
    let session = office.session(0).await;
    let (head, body) = office.post(0, Some(&session), &call("admin_x")).await;
    assert_eq!(head.status(), StatusCode::OK);
    assert!(body.contains(r#""code":-32602,"message":"Unknown tool: admin_x""#), "{body}");
    let twice =
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x","name":"admin_x"}}"#;
    let (_, body) = office.post(0, Some(&session), twice).await;
    assert!(body.contains(r#""code":-32600"#), "{body}");
}
