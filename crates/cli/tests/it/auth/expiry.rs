//! Open streams end with the credentials of their reader; a call continues to its answer.

use serde_json::Value;

use crate::support::{
    EventStream, Issuer, Launch, Modern, Proxy, Request, Session, call, issuer::now,
};

const LAST: &str = "the access token has expired; open this stream again with a new one";

/// A token for both endpoints that is valid for this many seconds; a minute of them is the
/// tolerance for clocks.
fn token(issuer: &Issuer, subject: &str, seconds: u64) -> String {
    let mut claims = Issuer::claims(subject);
    claims["exp"] = (now() - 60 + seconds).into();
    claims["aud"] =
        ["/mcp", "/sse"].map(|path| format!("{}{path}", Issuer::PUBLIC)).to_vec().into();
    issuer.sign(&claims)
}

/// The last comment of a stream, which must end.
fn last_comment(stream: &mut EventStream) -> Option<String> {
    let mut last = None;
    while let Some(event) = stream.event() {
        last = event.comment.or(last);
    }
    last
}

fn streams(proxy: &Proxy, session: &Session<'_>, token: &str) -> Vec<(&'static str, EventStream)> {
    let by = |request: Request| request.header("Authorization", &format!("Bearer {token}"));
    let sse = by(Request::get("/sse").header("Accept", "text/event-stream"));
    let listen = Modern::new("subscriptions/listen").id("5");
    let listen = by(listen.params(r#""notifications":{"toolsListChanged":true}"#).request());
    vec![
        ("GET", session.listen()),
        ("/sse", proxy.stream(&sse)),
        ("subscriptions/listen", proxy.stream(&listen)),
    ]
}

#[test]
fn standing_streams_end_with_the_token_and_calls_do_not() {
    let issuer = Issuer::new();
    let proxy = issuer.guard(Launch::new("slow")).start();
    let shown = token(&issuer, "alice", 6);
    let session = Session::open_by(&proxy, &shown);
    let mut held = session.stream(call("7", "hold", r#"{"text":"late"}"#));
    for (name, mut stream) in streams(&proxy, &session, &shown) {
        assert_eq!(last_comment(&mut stream).as_deref(), Some(LAST), "{name}");
    }
    assert_eq!(session.post(call("8", "echo", "{}")).status, 401, "the token has expired");
    let other = Session::open_by(&proxy, &issuer.token("bob"));
    other.call("9", "release", "{}");
    let answer: Value = serde_json::from_str(&held.expect()).expect("a message");
    assert_eq!(answer["result"]["content"][0]["text"], "late");
}

#[test]
fn the_newest_token_of_a_session_keeps_its_streams_open() {
    let issuer = Issuer::new();
    let proxy = issuer.guard(Launch::new("list-changed")).start();
    let session = Session::open_by(&proxy, &token(&issuer, "alice", 3));
    let mut stream = session.listen();
    let renewed = session.by(&issuer.token("alice"));
    renewed.assert_healthy();
    // Another stream of the same person, with the token that expires, shows when that happens.
    let short = Session::open_by(&proxy, &token(&issuer, "alice", 3));
    assert_eq!(last_comment(&mut short.listen()).as_deref(), Some(LAST));
    renewed.call("1", "change", "{}");
    assert!(stream.expect().contains("list_changed"), "it is still open");
}
