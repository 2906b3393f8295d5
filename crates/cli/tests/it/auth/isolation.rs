//! A server for each identity, which gets the identity in its variables.

use serde_json::Value;

use crate::support::{Issuer, LATEST, Launch, Modern, Proxy, Request, Session, initialize};

fn process(session: &Session<'_>) -> Value {
    let answer: Value = serde_json::from_str(&session.call("1", "process", "{}")).expect("JSON");
    answer["result"]["structuredContent"].clone()
}

fn mailed(issuer: &Issuer, subject: &str) -> String {
    let mut claims = Issuer::claims(subject);
    claims["email"] = format!("{subject}@example.com").into();
    issuer.sign(&claims)
}

fn start(issuer: &Issuer) -> Proxy {
    let flags = ["--isolation", "identity", "--env", "WHO=<${claim:email}>", "--env", "A=${B}"];
    issuer.guard(Launch::new("args")).flags(&flags).start()
}

#[test]
fn everybody_has_a_server_that_knows_whose_it_is() {
    let issuer = Issuer::new();
    let proxy = start(&issuer);
    let (alice, again) = (mailed(&issuer, "alice"), mailed(&issuer, "alice"));
    let one = process(&Session::open_by(&proxy, &alice));
    assert_eq!(one["env"]["WHO"], "<alice@example.com>");
    assert_eq!(one["env"]["A"], "${B}", "everything else stays");
    let session = Session::open_by(&proxy, &alice);
    let two = process(&session.by(&again));
    assert_eq!(two["env"]["WHO"], "<alice@example.com>");
    let bob = process(&Session::open_by(&proxy, &mailed(&issuer, "bob")));
    assert_eq!(bob["env"]["WHO"], "<bob@example.com>");
}

#[test]
fn sessions_of_one_identity_share_its_server() {
    let issuer = Issuer::new();
    let launch = Launch::new("subscribe").flags(&["--isolation", "identity", "--maxChildren", "2"]);
    let proxy = issuer.guard(launch).start();
    let people = ["alice", "bob"].map(|name| issuer.token(name));
    let mut sessions = Vec::new();
    for token in people.iter().cycle().take(8) {
        sessions.push(Session::open_by(&proxy, token));
    }
    let third = Request::mcp(initialize(LATEST))
        .header("Authorization", &format!("Bearer {}", issuer.token("carol")));
    let answer = proxy.send(&third);
    assert_eq!(answer.status, 503, "two servers are the limit: {}", answer.text());
}

#[test]
fn who_lacks_the_claim_gets_no_server() {
    let issuer = Issuer::new();
    let proxy = start(&issuer);
    let begin = Request::mcp(initialize(LATEST))
        .header("Authorization", &format!("Bearer {}", issuer.token("nameless")));
    let answer = proxy.send(&begin);
    assert!(answer.text().contains("no claim \\\"email\\\""), "{}", answer.text());
    process(&Session::open_by(&proxy, &mailed(&issuer, "alice")));
}

#[test]
fn requests_without_sessions_find_it_too() {
    let issuer = Issuer::new();
    let proxy = start(&issuer);
    let token = mailed(&issuer, "alice");
    let request =
        Modern::call("process", "{}").request().header("Authorization", &format!("Bearer {token}"));
    let answer = proxy.send(&request).json();
    assert_eq!(answer["result"]["structuredContent"]["env"]["WHO"], "<alice@example.com>");
}

#[test]
fn claims_need_somebody_whose_they_are() {
    for flags in [
        &["--isolation", "identity"][..],
        &["--env", "WHO=${claim:email}"],
        &["--isolation", "session", "--env", "WHO=${claim:email}"],
    ] {
        let finished = Launch::new("args").flags(flags).run();
        assert_eq!(finished.status.code(), Some(1), "{flags:?}: {finished:?}");
        assert!(finished.stderr.contains("--isolation identity"), "{}", finished.stderr);
    }
}

#[test]
fn a_held_call_goes_on_with_a_new_token_of_its_owner() {
    let issuer = Issuer::new();
    let proxy = issuer.guard(Launch::new("asks").flags(&["--isolation", "session"])).start();
    let ask = || Modern::call("ask", r#"{"method":"roots/list"}"#).capabilities(r#"{"roots":{}}"#);
    let send = |request: &Modern, claims: &Value| {
        let token = format!("Bearer {}", issuer.sign(claims));
        proxy.send(&request.request().header("Authorization", &token)).json()
    };
    let asked = send(&ask(), &Issuer::claims("alice"));
    let state = asked["result"]["requestState"].as_str().unwrap_or_else(|| panic!("{asked}"));
    let answers = r#""inputResponses":{"r1":{"roots":[]}}"#;
    let again = ask().id("2").params(&format!(r#"{answers},"requestState":"{state}""#));
    let refused = send(&again, &Issuer::claims("bob"));
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
    let mut renewed = Issuer::claims("alice");
    renewed["jti"] = "another".into();
    let answer = send(&again, &renewed);
    assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
}
