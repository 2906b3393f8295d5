//! 2026-07-28: questions of a handshake server during a call, in `input_required` results.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Launch, Modern, Proxy, Request, Response, wait_for};

const ALL: &str = r#"{"elicitation":{"form":{},"url":{}},"sampling":{},"roots":{}}"#;
const FORM: &str = r#"{"method":"elicitation/create","params":{"message":"Name?","requestedSchema":{"type":"object","properties":{}}}}"#;

fn isolated() -> Proxy {
    Launch::new("asks").flags(&["--isolation", "session"]).start()
}

fn ask() -> Modern {
    Modern::call("ask", FORM).capabilities(ALL)
}

/// The questions and the state of a result that asks.
fn asked(answer: &Response) -> (Value, String) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let result = answer.json()["result"].clone();
    assert_eq!(result["resultType"], "input_required", "{}", answer.text());
    assert!(result.get("ttlMs").is_none());
    let state = result["requestState"].as_str().expect("a state").to_owned();
    (result["inputRequests"].clone(), state)
}

fn retry(call: Modern, responses: &str, state: &str) -> Modern {
    let members = format!(r#""inputResponses":{responses},"requestState":"{state}""#);
    call.id("2").params(&members)
}

const NAMED: &str = r#"{"r1":{"action":"accept","content":{"name":"Ann","n":1.0}}}"#;

#[test]
fn a_question_becomes_a_result_and_the_answer_continues_the_call() {
    let proxy = isolated();
    let (questions, state) = asked(&ask().send(&proxy));
    let form: Value = serde_json::from_str(FORM).expect("JSON");
    assert_eq!(questions, json!({ "r1": form }));
    let answer = retry(ask(), NAMED, &state).send(&proxy);
    assert!(answer.text().starts_with(r#"{"jsonrpc":"2.0","id":2,"#), "{}", answer.text());
    assert!(
        answer
            .text()
            .contains(r#"{"result":{"action":"accept","content":{"name":"Ann","n":1.0}}}"#)
    );
    assert_eq!(answer.json()["result"]["resultType"], "complete");
    let ended = proxy.terminate();
    assert_eq!(ended.stderr.matches("fixture: runs ask").count(), 1, "the tool runs once");
}

#[test]
fn questions_of_one_moment_are_asked_together() {
    let proxy = isolated();
    let call = || Modern::call("ask-both", FORM).capabilities(ALL);
    let (questions, state) = asked(&call().send(&proxy));
    assert_eq!(questions["r2"], json!({ "method": "roots/list" }));
    // Unanswered questions are asked again, with a new state.
    let (questions, next) = asked(&retry(call(), NAMED, &state).send(&proxy));
    assert_eq!(questions, json!({ "r1": { "method": "roots/list" } }));
    assert_ne!(state, next);
    let answer = retry(call(), r#"{"r1":{"roots":[]},"other":7}"#, &next).send(&proxy).json();
    let both = &answer["result"]["structuredContent"]["both"];
    assert_eq!(both[1], json!({ "result": { "roots": [] } }));
}

/// Fails unless the request is refused because it continues nothing.
fn assert_refused(proxy: &Proxy, request: &Request, what: &str) {
    let answer = proxy.send(request);
    let error = answer.json();
    assert_eq!((answer.status, &error["error"]["code"]), (200, &json!(-32602)), "{what}: {error}");
}

#[test]
fn a_state_is_good_for_its_owner_its_call_and_one_use() {
    let proxy = isolated();
    let mine = |modern: Modern| modern.request().header("Authorization", "Bearer me");
    let (_, state) = asked(&proxy.send(&mine(ask())));
    let other = Modern::call("ask-both", FORM).capabilities(ALL);
    for (request, what) in [
        (retry(ask(), NAMED, &state).request(), "nobody in particular"),
        (
            retry(ask(), NAMED, &state).request().header("Authorization", "Bearer you"),
            "somebody else",
        ),
        (mine(retry(other, NAMED, &state)), "another tool"),
        (
            mine(retry(Modern::call("ask", "{}").capabilities(ALL), NAMED, &state)),
            "other arguments",
        ),
        (mine(retry(ask(), NAMED, &format!("{state}-TAMPERED"))), "tampered with"),
        (mine(retry(ask(), NAMED, &"0".repeat(64))), "forged"),
        (mine(retry(ask(), NAMED, "")), "empty"),
        (mine(ask().id("2").params(&format!(r#""inputResponses":{NAMED}"#))), "none"),
        (mine(ask().id("2").params(r#""requestState":7"#)), "no text"),
        (mine(retry(ask(), "7", &state)), "malformed answers"),
        (mine(retry(ask(), r#"{"r1":"yes"}"#, &state)), "a malformed answer"),
    ] {
        assert_refused(&proxy, &request, what);
    }
    let answer = proxy.send(&mine(retry(ask(), NAMED, &state)));
    assert_eq!(answer.json()["result"]["resultType"], "complete", "{}", answer.text());
    assert_refused(&proxy, &mine(retry(ask(), NAMED, &state)), "used");
    let ended = proxy.terminate();
    assert_eq!(ended.stderr.matches("fixture: runs").count(), 1, "nothing ran twice");
    assert_eq!(ended.stderr.matches("fixture: answered").count(), 1, "nothing was answered twice");
}

#[test]
fn a_client_is_asked_only_what_this_request_declares() {
    let proxy = isolated();
    for (question, declared, required) in [
        (FORM, "{}", json!({ "elicitation": {} })),
        (FORM, r#"{"elicitation":{"url":{}}}"#, json!({ "elicitation": {} })),
        (
            r#"{"method":"elicitation/create","params":{"mode":"url","url":"x","message":"m","elicitationId":"e"}}"#,
            r#"{"elicitation":{}}"#,
            json!({ "elicitation": { "url": {} } }),
        ),
        (
            r#"{"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}"#,
            r#"{"roots":{}}"#,
            json!({ "sampling": {} }),
        ),
        (r#"{"method":"roots/list"}"#, r#"{"sampling":{}}"#, json!({ "roots": {} })),
    ] {
        // Declarations of an earlier request do not count.
        assert_eq!(ask().send(&proxy).status, 200);
        let answer = Modern::call("ask", question).capabilities(declared).send(&proxy);
        let error = answer.json();
        assert_eq!((answer.status, &error["error"]["code"]), (400, &json!(-32021)), "{error}");
        assert_eq!(error["error"]["data"]["requiredCapabilities"], required);
    }
}

#[test]
fn other_questions_are_answered_for_the_client() {
    let proxy = isolated();
    let answer = |method: &str| {
        let arguments = format!(r#"{{"method":"{method}"}}"#);
        let call = Modern::call("ask", &arguments).capabilities(ALL);
        call.send(&proxy).json()["result"]["structuredContent"].clone()
    };
    assert_eq!(answer("ping"), json!({ "result": {} }));
    assert_eq!(answer("vendor/question")["error"]["code"], -32601);
}

#[test]
fn a_call_that_waits_too_long_is_cancelled() {
    let proxy =
        Launch::new("asks").flags(&["--isolation", "session", "--requestTimeout", "300"]).start();
    let (_, state) = asked(&ask().send(&proxy));
    let line = proxy.stderr.line(|line| line.contains("fixture: answered"));
    assert!(line.is_some_and(|line| line.contains(r#"\"action\":\"cancel\""#)));
    assert!(proxy.stderr.line(|line| line.contains("fixture: cancelled")).is_some());
    assert_refused(&proxy, &retry(ask(), NAMED, &state).request(), "expired");
    assert_eq!(proxy.terminate().stderr.matches("fixture: runs").count(), 1);
}

#[test]
fn a_result_that_did_not_wait_is_kept_for_the_client() {
    let proxy = isolated();
    let answer = Modern::call("asks-on", FORM).capabilities(ALL).send(&proxy);
    assert_eq!(answer.json()["result"]["resultType"], "complete", "{}", answer.text());
}

#[test]
fn a_server_that_ends_while_the_client_thinks_says_so() {
    let proxy = isolated();
    let (_, state) = asked(&ask().send(&proxy));
    let pids = wait_for("the server runs", || {
        let children = std::process::Command::new("pgrep")
            .args(["-P", &proxy.pid().to_string(), "-f", "fixture asks"])
            .output()
            .expect("pgrep runs");
        let pids = String::from_utf8(children.stdout).expect("numbers");
        Some(pids).filter(|pids| !pids.trim().is_empty())
    });
    for pid in pids.split_whitespace() {
        let killed = std::process::Command::new("kill").args(["-KILL", pid]).status();
        assert!(killed.is_ok_and(|status| status.success()));
    }
    let line = proxy.stderr.line(|line| line.contains("the MCP server"));
    assert!(line.is_some());
    wait_for("the end is known", || {
        let answer = retry(ask(), NAMED, &state).send(&proxy).json();
        let code = answer["error"]["code"].as_i64();
        assert!(matches!(code, Some(-32603 | -32602)), "{answer}");
        Some(())
    });
}

#[test]
fn a_client_that_leaves_ends_its_server() {
    let proxy = Launch::new("cancel").flags(&["--isolation", "session"]).start();
    let mut connection = proxy.connect();
    connection.write(&Modern::call("hang", "{}").request().bytes());
    let children = || {
        let found = std::process::Command::new("pgrep")
            .args(["-P", &proxy.pid().to_string(), "-f", "fixture cancel"])
            .output()
            .expect("pgrep runs");
        String::from_utf8(found.stdout).expect("numbers").split_whitespace().count()
    };
    wait_for("the server runs", || (children() == 1).then_some(()));
    drop(connection);
    wait_for("the server has ended", || (children() == 0).then_some(()));
}

#[test]
fn no_server_is_kept_for_whoever_presents_what_nobody_verifies() {
    let proxy = Launch::new("echo").flags(&["--isolation", "session"]).start();
    let pid = |capabilities: &str, authorization: Option<&str>| {
        let request = Modern::call("pid", "{}").capabilities(capabilities).request();
        let request = match authorization {
            Some(value) => request.header("Authorization", value),
            None => request,
        };
        let answer = proxy.send(&request).json();
        answer["result"]["content"][0]["text"].as_str().expect("a pid").to_owned()
    };
    let calls = [("{}", None), ("{}", None), (ALL, None), ("{}", Some("Bearer a"))];
    let again = [("{}", Some("Bearer a")), ("{}", Some("Bearer b"))];
    let pids: BTreeSet<_> =
        calls.into_iter().chain(again).map(|(capabilities, who)| pid(capabilities, who)).collect();
    assert_eq!(pids.len(), 6);
}

#[test]
fn urls_to_visit_are_asked_for_and_the_call_is_made_again() {
    let proxy = Proxy::of("eras");
    let error = r#"{"error":{"code":-32042,"message":"m","data":{"elicitations":[{"mode":"url","url":"https://a","message":"Go","elicitationId":"e"}]}}}"#;
    let call = || Modern::call("fail", error).capabilities(r#"{"elicitation":{"url":{}}}"#);
    let (questions, state) = asked(&call().send(&proxy));
    let params = json!({ "mode": "url", "url": "https://a", "message": "Go" });
    assert_eq!(questions, json!({ "r1": { "method": "elicitation/create", "params": params } }));
    let (_, next) = asked(&retry(call(), r#"{"r1":{"action":"accept"}}"#, &state).send(&proxy));
    assert_ne!(state, next);
    assert_refused(&proxy, &retry(call(), "{}", &state).request(), "used");
}

#[test]
fn a_shared_server_asks_nobody() {
    let proxy = Proxy::of("asks");
    let answer = ask().send(&proxy).json();
    assert_eq!(answer["result"]["structuredContent"]["error"]["code"], -32601, "{answer}");
}
