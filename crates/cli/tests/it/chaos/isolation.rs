//! `--isolation session` and `request`: each client has its own server.

use serde_json::Value;

use super::{kill, pid};
use crate::support::{Launch, Modern, Request, Sse, call, initialize, is_gone, wait_for};

/// Reads messages until the question, answers it in a POST of its own, and returns the call's end.
fn answered(proxy: &crate::support::Proxy, method: &str) -> (Value, Value) {
    let session = proxy.session();
    let arguments = format!(r#"{{"method":"{method}","params":{{"n":1.0}}}}"#);
    let mut stream = session.stream(call("7", "ask", &arguments));
    let question: Value = serde_json::from_str(&stream.expect()).expect("a message");
    let answer = r#"{"jsonrpc":"2.0","id":"ask-1","result":{"client":1.50}}"#;
    assert_eq!(session.post(answer).status, 202);
    let end = stream.expect();
    assert!(end.contains(r#"{"result":{"client":1.50}}"#), "verbatim: {end}");
    (question, serde_json::from_str(&end).expect("a message"))
}

#[test]
fn questions_cross_to_the_client_on_the_stream_of_its_call_and_answers_go_back() {
    let proxy = Launch::new("asks").flags(&["--isolation", "session"]).start();
    for method in ["sampling/createMessage", "elicitation/create", "roots/list", "ping", "vendor/x"]
    {
        let (question, end) = answered(&proxy, method);
        assert_eq!(question["method"], method);
        assert_eq!(question["id"], "ask-1");
        assert_eq!(end["id"], 7);
    }
}

#[test]
fn questions_cross_on_sse_too() {
    let proxy = Launch::new("asks").flags(&["--isolation", "session"]).start();
    let mut sse = Sse::initialized(&proxy);
    let question = sse.ask(&call("7", "ask", r#"{"method":"roots/list"}"#));
    assert!(question.contains(r#""method":"roots/list""#), "{question}");
    let answer = r#"{"jsonrpc":"2.0","id":"ask-1","error":{"code":-1,"message":"no roots"}}"#;
    assert!(sse.ask(answer).contains("no roots"));
}

#[test]
fn sessions_have_servers_of_their_own_that_end_with_them() {
    let proxy = Launch::new("echo").flags(&["--isolation", "session"]).start();
    let (one, two) = (proxy.session(), proxy.session());
    let (first, second) = (pid(&one), pid(&two));
    assert_ne!(first, second);
    assert_eq!(pid(&one), first);
    assert_eq!(one.delete().status, 200);
    wait_for("the server of the session is gone", || is_gone(first).then_some(()));
    assert_eq!(pid(&two), second);
    let sse = Sse::initialized(&proxy);
    drop(sse);
    drop(proxy.terminate());
    assert!(is_gone(second));
}

#[test]
fn the_clients_own_handshake_reaches_its_server() {
    let proxy = Launch::new("scripted").flags(&["--isolation", "session"]).start();
    let answer = proxy.send(&Request::mcp(initialize("2025-03-26")));
    assert!(answer.message().contains(r#""id":"init","result":{"protocolVersion":"2025-03-26""#));
}

#[test]
fn the_same_id_twice_at_once_is_answered_twice() {
    let proxy = Launch::new("slow").flags(&["--isolation", "session"]).start();
    let session = proxy.session();
    let mut first = session.stream(call("1", "hold", r#"{"text":"a"}"#));
    let mut second = session.stream(call("1", "hold", r#"{"text":"b"}"#));
    wait_for("both are held", || session.call("2", "held", "{}").contains("\"2\"").then_some(()));
    session.call("3", "release", "{}");
    assert!(first.expect().contains(r#""id":1,"result":{"content":[{"type":"text","text":"a""#));
    assert!(second.expect().contains(r#""id":1,"result":{"content":[{"type":"text","text":"b""#));
}

#[test]
fn a_session_whose_server_dies_gets_another_one_with_what_it_had_settled() {
    let proxy = Launch::new("log").flags(&["--isolation", "session"]).start();
    let (session, other) = (proxy.session(), proxy.session());
    let untouched = pid(&other);
    let level =
        r#"{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"error"}}"#;
    session.post(level);
    let first = pid(&session);
    kill("KILL", first);
    wait_for("another server answers", || {
        let answer = session.call("2", "levels", "{}");
        answer.contains(r#"{"levels":["error"]}"#).then_some(())
    });
    assert_ne!(pid(&session), first);
    assert_eq!(pid(&other), untouched);
}

#[test]
fn one_client_too_many_is_told_to_come_again() {
    let flags = ["--isolation", "session", "--maxChildren", "1"];
    let proxy = Launch::new("echo").flags(&flags).start();
    let session = proxy.session();
    let refused = proxy.send(&Request::mcp(initialize("2025-11-25")));
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert!(refused.text().contains("--maxChildren"), "{}", refused.text());
    session.delete();
    wait_for("the slot is free again", || {
        let answer = proxy.send(&Request::mcp(initialize("2025-11-25")));
        (answer.status == 200).then_some(())
    });
}

#[test]
fn a_request_without_a_session_is_told_to_come_again_too() {
    for (mode, protocol) in [("echo", "legacy"), ("modern", "modern")] {
        let flags =
            ["--isolation", "session", "--maxChildren", "1", "--upstreamProtocol", protocol];
        let proxy = Launch::new(mode).flags(&flags).start();
        let _session = proxy.session();
        for request in [
            Modern::call("echo", "{}"),
            Modern::call("echo", "{}").id("\"a\""),
            Modern::new("tools/list"),
            Modern::new("server/discover"),
            Modern::new("subscriptions/listen")
                .params(r#""notifications":{"toolsListChanged":true}"#),
        ] {
            let refused = request.send(&proxy);
            let told = (refused.status, refused.header("retry-after"));
            assert_eq!(told, (503, Some("1")), "{mode}: {request:?} {}", refused.text());
            let error = &refused.json()["error"];
            assert_eq!(error["code"], -32000, "{mode}: {}", refused.text());
            assert!(error["message"].as_str().expect("words").contains("--maxChildren"));
        }
    }
}

#[test]
fn stateless_requests_have_servers_of_their_own() {
    let flags = ["--isolation", "request", "--stateless", "--prewarm", "2"];
    let proxy = Launch::new("echo").flags(&flags).start();
    let ask = || super::text(&proxy.send(&Request::mcp(call("1", "pid", "{}"))).message());
    let pids = [ask(), ask(), ask()].map(|pid| pid.parse::<u32>().expect("a process id"));
    assert!(pids[0] != pids[1] && pids[1] != pids[2] && pids[0] != pids[2], "{pids:?}");
    for pid in pids {
        wait_for("a server that has answered is gone", || is_gone(pid).then_some(()));
    }
}

#[test]
fn a_command_that_cannot_be_found_is_told_at_the_start() {
    let finished = Launch::of(&["/nowhere/at/all"]).flags(&["--isolation", "session"]).run();
    assert_eq!(finished.status.code(), Some(1));
    assert!(finished.stderr.contains("command not found (ENOENT)"), "{}", finished.stderr);
}

#[test]
fn a_server_that_is_not_used_rests_and_comes_back_with_what_was_settled() {
    let flags = ["--isolation", "session", "--childIdleTimeout", "300"];
    let proxy = Launch::new("log").flags(&flags).start();
    let session = proxy.session();
    let level =
        r#"{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"error"}}"#;
    session.post(level);
    let first = pid(&session);
    wait_for("the server rests", || is_gone(first).then_some(()));
    assert_eq!(session.post(r#"{"jsonrpc":"2.0","method":"vendor/x"}"#).status, 202);
    assert!(session.call("2", "levels", "{}").contains(r#"{"levels":["error"]}"#));
    assert_ne!(pid(&session), first);
}

#[test]
fn a_server_that_works_or_watches_does_not_rest() {
    let flags = ["--isolation", "session", "--childIdleTimeout", "100"];
    let proxy = Launch::new("slow").flags(&flags).start();
    let (busy, watching) = (proxy.session(), proxy.session());
    let wish = r#"{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"x:a"}}"#;
    watching.post(wish);
    let server = pid(&watching);
    let answer = busy.call("2", "wait", r#"{"ms":1000}"#);
    assert!(answer.contains("waited"), "{answer}");
    assert_eq!(pid(&watching), server);
}

#[test]
fn a_handshake_that_is_never_answered_fails_what_waits_for_it() {
    let flags = ["--isolation", "request", "--stateless", "--connectionTimeout", "300"];
    let proxy = Launch::new("silent").flags(&flags).start();
    let answer = proxy.send(&Request::mcp(call("1", "echo", "{}"))).message();
    let text = "the MCP server did not answer \\\"initialize\\\" within 300 ms";
    assert!(answer.contains(text), "{answer}");
}

#[test]
fn sessions_under_isolation_by_request_are_announced_for_what_they_are() {
    let proxy = Launch::new("echo").flags(&["--isolation", "request"]).start();
    let line = proxy.stderr.line(|line| line.contains("--isolation request without --stateless"));
    assert!(line.is_some());
    let (one, two) = (proxy.session(), proxy.session());
    assert_ne!(pid(&one), pid(&two));
    assert_eq!(pid(&one), pid(&one));
}

/// A server that writes its process id into a file when it starts.
fn recorded(flags: &[&str]) -> (crate::support::Proxy, impl Fn() -> Vec<u32>, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("starts");
    let fixture = crate::support::fixture().display().to_string();
    let script = format!("echo $$ >> {}; exec {fixture} echo", file.display());
    let flags = [&["--isolation", "session"], flags].concat();
    let proxy = Launch::of(&["sh", "-c", &script]).flags(&flags).start();
    let starts = move || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        text.lines().map(|line| line.parse().expect("a process id")).collect()
    };
    (proxy, starts, directory)
}

#[test]
fn nothing_is_started_before_there_is_a_client() {
    let (proxy, starts, _directory) = recorded(&[]);
    assert_eq!(proxy.send(&Request::get("/readyz")).status, 200);
    assert_eq!(starts(), [0; 0]);
    assert_eq!(vec![pid(&proxy.session())], starts());
}

#[test]
fn a_session_has_a_server_that_was_started_ahead() {
    let (proxy, starts, _directory) = recorded(&["--prewarm", "1"]);
    let first = wait_for("a server is started ahead", || starts().first().copied());
    assert_eq!(pid(&proxy.session()), first);
    let second = wait_for("another is started in its place", || starts().get(1).copied());
    assert_eq!(pid(&proxy.session()), second);
}
