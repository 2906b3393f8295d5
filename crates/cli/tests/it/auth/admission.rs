//! Which credentials admit a client, where, and how others are answered.

use serde_json::json;

use crate::support::{
    Issuer, LATEST, Launch, Proxy, Request, Response, Session, call, initialize, wait_for,
};

const PLACE: &str = "https://mcp.example/.well-known/oauth-protected-resource";

fn begin() -> Request {
    Request::mcp(initialize(LATEST))
}

fn by(request: Request, token: &str) -> Request {
    request.header("Authorization", &format!("Bearer {token}"))
}

fn assert_refused(answer: &Response, challenge: &str) {
    assert_eq!(answer.status, 401, "{}", answer.text());
    assert_eq!(answer.header("www-authenticate"), Some(challenge));
    assert_eq!(answer.json()["error"]["code"], -32000);
    assert_eq!(answer.json()["id"], json!(null));
}

#[test]
fn without_a_token_every_path_but_health_is_refused() {
    let issuer = Issuer::new();
    let proxy = issuer.guard(Launch::new("echo")).flag("--authScopes", "files").start();
    for path in ["/ping", "/livez", "/readyz"] {
        assert_eq!(proxy.send(&Request::get(path)).status, 200, "{path}");
    }
    for (request, endpoint) in [
        (begin(), "/mcp"),
        (Request::get("/mcp"), "/mcp"),
        (Request::new("DELETE", "/mcp/"), "/mcp"),
        (Request::get("/sse"), "/sse"),
        (Request::post("/messages?sessionId=x", "{}"), "/sse"),
        (Request::get("/nowhere"), "/mcp"),
        (Request::get("/.well-known/openid-configuration"), "/mcp"),
    ] {
        let challenge = format!(r#"Bearer scope="files", resource_metadata="{PLACE}{endpoint}""#);
        assert_refused(&proxy.send(&request), &challenge);
        // A token counts only in the header.
    }
    let query = Request::get(&format!("/mcp?access_token={}", issuer.token("alice")));
    assert_eq!(proxy.send(&query).status, 401);
}

#[test]
fn a_token_is_for_one_endpoint() {
    let issuer = Issuer::new();
    let proxy = issuer.guard(Launch::new("echo")).start();
    let session = Session::open_by(&proxy, &issuer.token("alice"));
    session.assert_healthy();
    let elsewhere = proxy.send(&by(Request::get("/sse"), &issuer.token("alice")));
    let challenge = format!(
        "Bearer error=\"invalid_token\", error_description=\"The access token is not valid \
         here\", resource_metadata=\"{PLACE}/sse\""
    );
    assert_refused(&elsewhere, &challenge);
    let mut both = Issuer::claims("alice");
    both["aud"] = json!(["https://mcp.example/mcp", "https://mcp.example/sse"]);
    let token = issuer.sign(&both);
    let sse = by(Request::get("/sse").header("Accept", "text/event-stream"), &token);
    assert!(proxy.stream(&sse).event().is_some());
    assert_eq!(proxy.send(&by(begin(), &token)).status, 200);
    let asked = Request::post("/mcp?x=1", initialize(LATEST));
    let asked = asked.header("Accept", "application/json, text/event-stream");
    let answer = proxy.send(&by(asked, &issuer.token("alice")));
    assert_eq!(answer.status, 200, "a query says nothing about it: {}", answer.text());
}

#[test]
fn messages_need_the_token_of_their_stream() {
    let issuer = Issuer::new();
    let proxy = issuer.guard(Launch::new("echo")).start();
    let token = |path: &str| {
        let mut claims = Issuer::claims("alice");
        claims["aud"] = format!("{}{path}", Issuer::PUBLIC).into();
        issuer.sign(&claims)
    };
    let sse = Request::get("/sse").header("Accept", "text/event-stream");
    let mut stream = proxy.stream(&by(sse, &token("/sse")));
    let place = stream.event().and_then(|event| event.data).expect("the endpoint event");
    let post = || Request::post(&place, initialize(LATEST));
    let refused = proxy.send(&by(post(), &token("/messages")));
    let challenge = format!(
        "Bearer error=\"invalid_token\", error_description=\"The access token is not valid \
         here\", resource_metadata=\"{PLACE}/sse\""
    );
    assert_refused(&refused, &challenge);
    assert_eq!(proxy.send(&by(post(), &token("/sse"))).status, 202);
    assert!(stream.until("serverInfo").iter().any(|event| event.contains("serverInfo")));
}

#[test]
fn a_refusal_is_explained_in_the_log_and_nowhere_else() {
    let issuer = Issuer::new();
    let proxy = issuer.guard(Launch::new("echo")).start();
    let mut claims = Issuer::claims("alice");
    claims["aud"] = "https://other.example".into();
    let answer = proxy.send(&by(begin(), &issuer.sign(&claims)));
    assert_eq!(answer.status, 401);
    assert!(!answer.text().contains("other.example") && !answer.text().contains("audience"));
    let line = proxy.stderr.line(|line| line.contains("other.example")).expect("a line");
    for word in ["expected is \"https://mcp.example/mcp\"", "--authAudience", "invalid_token"] {
        assert!(line.contains(word), "{line}");
    }
    let stderr = proxy.terminate().stderr;
    let lines: Vec<&str> = stderr.lines().filter(|line| line.contains("refused a")).collect();
    let [line] = lines[..] else { panic!("one line for one refusal: {stderr}") };
    for word in ["WARN", "peer=\"127.0.0.1\"", "status=401", "POST /mcp"] {
        assert!(line.contains(word), "{line}");
    }
}

#[test]
fn a_token_that_lacks_a_scope_is_told_all_of_them() {
    let issuer = Issuer::new();
    let proxy = issuer.guard(Launch::new("echo")).flag("--authScopes", "files mail").start();
    let mut claims = Issuer::claims("alice");
    claims["scope"] = "mail other".into();
    let answer = proxy.send(&by(begin(), &issuer.sign(&claims)));
    assert_eq!(answer.status, 403);
    let challenge = format!(
        "Bearer error=\"insufficient_scope\", error_description=\"The access token lacks scopes \
         that this needs\", scope=\"files mail\", resource_metadata=\"{PLACE}/mcp\""
    );
    assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()));
    claims["scope"] = "mail files".into();
    assert_eq!(proxy.send(&by(begin(), &issuer.sign(&claims))).status, 200);
}

#[test]
fn a_key_lets_in_beside_tokens() {
    let issuer = Issuer::new();
    let flags = ["--apiKey", "secret", "--authScopes", "files"];
    let proxy = issuer.guard(Launch::new("echo")).flags(&flags).start();
    assert_eq!(proxy.send(&begin().header("X-API-Key", "secret")).status, 200);
    assert_eq!(proxy.send(&by(begin(), "secret")).status, 200);
    assert_eq!(proxy.send(&begin().header("X-API-Key", "Secret")).status, 401);
    let mut claims = Issuer::claims("alice");
    claims["scope"] = "files".into();
    let token = issuer.sign(&claims);
    assert_eq!(proxy.send(&by(begin(), &token)).status, 200);
    let both = by(begin(), &token).header("X-API-Key", "wrong");
    assert_eq!(proxy.send(&both).status, 401, "a bad credential is not made good by another");
}

fn made(issuer: &Issuer, name: &str, scopes: &str) -> String {
    let file = issuer.file("tokens.json").display().to_string();
    let flags = ["--newToken", name, "--authTokens", &file, "--authScopes", scopes];
    let finished = Launch::new("echo").flags(&flags).run();
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    let token = finished.stdout.trim().to_owned();
    assert!(token.starts_with("mcpp_") && token.len() > 40, "{token}");
    token
}

#[test]
fn static_tokens_are_made_listed_and_taken_back() {
    let issuer = Issuer::new();
    let one = made(&issuer, "ci", "files");
    let file = issuer.file("tokens.json");
    let listed = std::fs::read_to_string(&file).expect("the file");
    assert!(!listed.contains(&one), "the file lets nobody in");
    let proxy =
        Launch::new("echo").flag("--authTokens", &file).flags(&["--authScopes", "files"]).start();
    assert_eq!(proxy.send(&by(begin(), &one)).status, 200);
    assert_refused(&proxy.send(&begin()), "Bearer scope=\"files\"");
    let two = made(&issuer, "laptop", "files mail");
    let answers = |token: &str, status: u16| {
        let answer = || (proxy.send(&by(begin(), token)).status == status).then_some(());
        wait_for("the file is read again", answer);
    };
    answers(&two, 200);
    assert_eq!(proxy.send(&by(begin(), &one)).status, 200, "the first stays");
    std::fs::write(&file, "{").expect("a file");
    answers(&two, 200);
    std::fs::write(&file, listed.replace("ci", "cd")).expect("a file");
    answers(&two, 401);
    assert_eq!(proxy.send(&by(begin(), &one)).status, 200);
    let lacking = made(&issuer, "poor", "mail");
    answers(&lacking, 403);
}

#[test]
fn a_token_that_was_made_for_some_time_ends_with_it() {
    let issuer = Issuer::new();
    let file = issuer.file("tokens.json");
    let make = |expires: &str| {
        let flags = ["--newToken", "ci", "--tokenExpires", expires];
        Launch::new("echo").flags(&flags).flag("--authTokens", &file).run()
    };
    for (wrong, word) in [("2020-01-01", "has passed"), ("soon", "not a time"), ("0d", "passed")] {
        let refused = make(wrong);
        assert_eq!(refused.status.code(), Some(1), "{wrong}");
        assert!(refused.stderr.contains(word), "{}", refused.stderr);
        assert!(!file.exists(), "nothing is listed");
    }
    let token = make("90d").stdout.trim().to_owned();
    let listed = std::fs::read_to_string(&file).expect("the file");
    let expires: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    let expires = expires["tokens"][0]["expires"].as_str().expect("an end").to_owned();
    let proxy = Launch::new("echo").flag("--authTokens", &file).start();
    assert_eq!(proxy.send(&by(begin(), &token)).status, 200);
    std::fs::write(&file, listed.replace(&expires, "2020-01-01")).expect("a file");
    wait_for("it has ended", || (proxy.send(&by(begin(), &token)).status == 401).then_some(()));
    let line = proxy.stderr.line(|line| line.contains("\"ci\"")).expect("a line");
    assert!(line.contains("invalid_token"), "{line}");
}

#[test]
fn sessions_belong_to_a_person_not_to_a_token() {
    let issuer = Issuer::new();
    let proxy = issuer.guard(Launch::new("echo")).start();
    let session = Session::open_by(&proxy, &issuer.token("alice"));
    let mut renewed = Issuer::claims("alice");
    renewed["jti"] = "another".into();
    session.by(&issuer.sign(&renewed)).assert_healthy();
    let others = session.by(&issuer.token("bob"));
    let echo = call("1", "echo", r#"{"text":"x"}"#);
    assert_eq!(others.post(echo).status, 404);
    assert_eq!(proxy.send(&others.listening()).status, 404);
    assert_eq!(proxy.send(&others.listening().header("Last-Event-ID", "1_1")).status, 404);
    assert_eq!(others.delete().status, 404);
    session.assert_healthy();
    assert_eq!(session.delete().status, 200);
}

#[test]
fn metrics_are_for_whoever_has_a_token() {
    let issuer = Issuer::new();
    let proxy: Proxy = issuer.guard(Launch::new("echo")).flags(&["--metrics"]).start();
    assert_eq!(proxy.send(&Request::get("/metrics")).status, 401);
    let answer = proxy.send(&by(Request::get("/metrics"), &issuer.token("alice")));
    assert_eq!(answer.status, 200);
}
