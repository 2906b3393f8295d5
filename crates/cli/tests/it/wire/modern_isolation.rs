//! A server of 2026-07-28 for each client: `--upstreamProtocol auto|modern` with `--isolation
//! session|request`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{
    Finished, Launch, Modern, Proxy, Request, Session, call, scrape::settles, wait_for,
};

const ALL: &str = r#"{"elicitation":{},"roots":{},"sampling":{}}"#;

fn launch(mode: &str, protocol: &str, isolation: &str) -> Launch {
    Launch::new(mode).flags(&["--upstreamProtocol", protocol, "--isolation", isolation])
}

fn modern() -> Proxy {
    launch("modern", "modern", "session").start()
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

fn pid(session: &Session<'_>) -> String {
    text(&json_of(&session.call("1", "pid", "{}")))
}

fn text(answer: &Value) -> String {
    answer["result"]["content"][0]["text"].as_str().expect("a pid").to_owned()
}

/// The process that serves a request of this principal.
fn pid_for(proxy: &Proxy, principal: &str) -> String {
    let request = Modern::call("pid", "{}").request().header("Authorization", principal);
    let answer = proxy.send(&request);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["id"], 1);
    text(&answer.json())
}

fn is_running(pid: &str) -> bool {
    let probe = std::process::Command::new("kill").args(["-0", pid]).output().expect("kill runs");
    probe.status.success()
}

#[test]
fn every_protocol_gives_each_session_its_own_server() {
    for (mode, protocol) in
        [("echo", "legacy"), ("echo", "auto"), ("modern", "auto"), ("modern", "modern")]
    {
        let proxy = launch(mode, protocol, "session").start();
        let (one, two) = (proxy.session(), proxy.session());
        let pids = [pid(&one), pid(&two)];
        assert_ne!(pids[0], pids[1], "{mode} {protocol}");
        assert_eq!(pid(&one), pids[0]);
        assert_eq!(one.delete().status, 200);
        wait_for("the session's server has ended", || (!is_running(&pids[0])).then_some(()));
        assert_eq!(pid(&two), pids[1]);
    }
}

#[test]
fn a_server_of_another_era_is_told_to_its_client_or_at_the_start() {
    let proxy = launch("echo", "modern", "session").start();
    let answer = proxy.send(&Request::mcp(crate::support::initialize("2025-06-18")));
    let told = answer.text();
    assert!(told.contains(r#"refused \"server/discover\""#), "{told}");
    let Finished { status, stderr, .. } = launch("exit 3", "auto", "session").run();
    assert!(!status.success() && stderr.contains("before it answered"), "{stderr}");
}

#[test]
fn a_session_is_asked_about_its_own_calls_and_told_of_its_own_changes() {
    let proxy = modern();
    let (one, two) = (Session::open_with(&proxy, ALL), Session::open_with(&proxy, ALL));
    let (mut first, mut second) = (one.listen(), two.listen());
    let ask = call("7", "ask", r#"{"requests":{"r":{"method":"roots/list"}}}"#);
    let mut stream = one.stream(ask);
    let question = json_of(&stream.expect());
    assert_eq!(question["method"], "roots/list");
    let answer = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{"roots":[]}}}}"#, question["id"]);
    assert_eq!(
        two.post(answer.clone()).status,
        202,
        "an answer of another session changes nothing"
    );
    assert_eq!(one.post(answer).status, 202);
    assert!(stream.expect().contains(r#""answers":{"r":{"roots":[]}}"#));
    one.call("2", "change", "{}");
    two.call("3", "change", "{}");
    for told in [first.expect(), second.expect()] {
        assert!(told.contains("notifications/tools/list_changed"), "{told}");
    }
    for (session, listening, uri) in [(&one, &mut first, "x:a"), (&two, &mut second, "x:b")] {
        let subscribe = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{{"uri":"{uri}"}}}}"#
        );
        assert_eq!(session.post(subscribe).message(), r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
        session.call("4", "touch", &format!(r#"{{"uri":"{uri}"}}"#));
        let told = listening.expect();
        assert!(told.contains("resources/updated") && told.contains(uri), "{told}");
    }
}

#[test]
fn log_messages_stay_with_their_session_whatever_others_do() {
    let proxy = modern();
    let (one, two) = (proxy.session(), proxy.session());
    for session in [&one, &two] {
        session.post(
            r#"{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"debug"}}"#,
        );
    }
    let mut held = two.stream(call("7", "ask", r#"{"requests":{}}"#));
    let mut stream = one.stream(call("2", "log", "{}"));
    assert!(stream.expect().contains("notifications/message"));
    assert!(!held.until(r#""id":7"#).iter().any(|told| told.contains("notifications/message")));
}

#[test]
fn no_server_is_kept_for_callers_who_may_be_several() {
    for key in [&[][..], &["--apiKey", "Bearer-me"]] {
        let proxy = launch("modern", "modern", "session").flags(key).start();
        let call = |header: Option<&str>| {
            let request = Modern::call("pid", "{}").request().header("X-API-Key", "Bearer-me");
            let request = match header {
                Some(value) => request.header("Authorization", value),
                None => request,
            };
            text(&proxy.send(&request).json())
        };
        let calls = [None, None, Some("Bearer me"), Some("Bearer me")];
        let pids: BTreeSet<_> = calls.into_iter().map(call).collect();
        assert_eq!(pids.len(), 4, "{key:?}");
    }
}

/// Makes a server ask something; returns the state that its client sends back.
fn asked(proxy: &Proxy, authorization: &str) -> String {
    let ask = Modern::call("ask", r#"{"requests":{"r":{"method":"roots/list"}},"state":"pid"}"#);
    let request = ask.capabilities(ALL).request().header("Authorization", authorization);
    let answer = proxy.send(&request).json();
    let state = answer["result"]["requestState"].as_str().unwrap_or_else(|| panic!("{answer}"));
    state.to_owned()
}

/// The result for an answer with this state: the state as its server reads it, and whether that
/// server wrote it.
fn answered(proxy: &Proxy, authorization: &str, state: &str) -> (String, bool) {
    let params = format!(r#""inputResponses":{{"r":{{"roots":[]}}}},"requestState":"{state}""#);
    let retry = Modern::call("ask", "{}").params(&params).capabilities(ALL);
    let request = retry.request().header("Authorization", authorization);
    let answer = proxy.send(&request).json();
    let told = &answer["result"]["structuredContent"];
    let state = told["state"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    let own = state == format!("pid {}", told["pid"]);
    (state, own)
}

#[test]
fn a_state_names_its_server_for_one_use_of_one_caller() {
    for isolation in ["session", "request"] {
        let stateless: &[&str] = if isolation == "request" { &["--stateless"] } else { &[] };
        let proxy = launch("modern", "modern", isolation).flags(stateless).start();
        let (first, second) = (asked(&proxy, "Bearer me"), asked(&proxy, "Bearer me"));
        assert!(!first.contains("pid"), "nothing of it can be read: {first}");
        assert_eq!(answered(&proxy, "Bearer you", &first), (first.clone(), false));
        let (state, own) = answered(&proxy, "Bearer me", &first);
        assert!(own, "{isolation}: another server got {state}");
        assert!(answered(&proxy, "Bearer me", &second).1);
        assert_eq!(answered(&proxy, "Bearer me", &first), (state.clone(), false), "used up");
        let pid = state.trim_start_matches("pid ");
        wait_for("its server has ended", || (!is_running(pid)).then_some(()));
        assert!(!answered(&proxy, "Bearer me", "forged").1);
    }
}

#[test]
fn servers_wait_for_their_states_for_a_while_and_as_long_as_there_is_room() {
    let flags = ["--requestTimeout", "300", "--metricsPort", "0"];
    let proxy = launch("modern", "modern", "session").flags(&flags).start();
    let late = asked(&proxy, "Bearer me");
    settles(&proxy, "mcp_proxy_servers", 0.0);
    assert!(!answered(&proxy, "Bearer me", &late).1);
    let proxy = launch("modern", "modern", "session").flags(&["--maxChildren", "1"]).start();
    let lost = asked(&proxy, "Bearer me");
    let kept = wait_for("the next client gets its place", || {
        let ask = Modern::call("pid", "{}").send(&proxy).json();
        ask.get("result").is_some().then(|| asked(&proxy, "Bearer me"))
    });
    assert!(answered(&proxy, "Bearer me", &kept).1);
    assert!(!answered(&proxy, "Bearer me", &lost).1);
}

#[test]
fn each_request_has_its_own_server_where_that_is_wanted() {
    for protocol in ["auto", "modern"] {
        let flags = ["--stateless", "--prewarm", "1"];
        let proxy = launch("modern", protocol, "request").flags(&flags).start();
        let mut pids = BTreeSet::new();
        for _ in 0..3 {
            pids.insert(pid_for(&proxy, "Bearer me"));
            let answer = proxy.send(&Request::mcp(call("1", "pid", "{}")));
            pids.insert(text(&json_of(&answer.message())));
        }
        assert_eq!(pids.len(), 6);
        wait_for("nothing is left of them", || {
            (!pids.iter().any(|pid| is_running(pid))).then_some(())
        });
    }
}

#[test]
fn a_server_that_has_ended_is_started_again_for_its_session() {
    let proxy = modern();
    let session = proxy.session();
    let before = pid(&session);
    let killed = std::process::Command::new("kill").args(["-9", &before]).status();
    assert!(killed.expect("kill runs").success());
    let after = wait_for("another server serves", || {
        let answer = json_of(&session.call("1", "pid", "{}"));
        answer.get("result").is_some().then(|| text(&answer))
    });
    assert_ne!(after, before);
}

#[test]
fn there_are_no_more_servers_than_allowed() {
    let proxy = launch("modern", "modern", "session").flags(&["--maxChildren", "1"]).start();
    let session = proxy.session();
    session.assert_healthy();
    let refused = Modern::call("pid", "{}").send(&proxy);
    assert!(refused.text().contains("--maxChildren"), "{}", refused.text());
    assert_eq!(session.delete().status, 200);
    wait_for("there is room again", || {
        let answer = Modern::call("pid", "{}").send(&proxy).json();
        answer.get("result").is_some().then_some(())
    });
    let answer = wait_for("there is room for a session", || {
        let answer = proxy.send(&Request::mcp(crate::support::initialize("2025-06-18")));
        (answer.status == 200 && answer.text().contains("serverInfo")).then(|| answer.message())
    });
    assert_eq!(
        json_of(&answer)["result"]["serverInfo"],
        json!({"name": "fixture", "version": "2.0.0"})
    );
}

#[test]
fn one_client_cannot_have_all_servers() {
    for (mode, protocol) in [("echo", "legacy"), ("modern", "modern")] {
        let flags = ["--maxChildren", "2", "--trustProxy", "loopback"];
        let proxy =
            launch(mode, protocol, "session").flags(&flags).flags(&["--metricsPort", "0"]).start();
        let open = |client: &str| {
            let request = Request::mcp(crate::support::initialize("2025-06-18"));
            proxy.send(&request.header("X-Forwarded-For", client))
        };
        let first = open("10.0.0.1");
        assert_eq!(first.status, 200, "{}", first.text());
        let refused = open("10.0.0.1");
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
        assert!(refused.text().contains("its share (--maxChildren)"), "{}", refused.text());
        let line = proxy.stderr.line(|line| line.contains("no_server")).expect("a line");
        for told in ["refused a request", "10.0.0.1", "503", "POST /mcp"] {
            assert!(line.contains(told), "{told}: {line}");
        }
        let counted = crate::support::scrape::Scrape::of(&proxy);
        let series = r#"mcp_proxy_rejected_requests_total{reason="no_server"}"#;
        assert_eq!(counted.value(series), Some(1.0));
        assert_eq!(open("10.0.0.2").status, 200);
        let refused = open("10.0.0.3");
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
        let id = first.header("mcp-session-id").expect("a session");
        assert_eq!(proxy.send(&Request::new("DELETE", "/mcp").session(id)).status, 200);
        wait_for("its share is free again", || (open("10.0.0.1").status == 200).then_some(()));
    }
}

#[test]
fn nothing_is_left_of_them_when_the_proxy_stops() {
    let proxy = modern();
    let session = proxy.session();
    let pids = [pid(&session), pid_for(&proxy, "Bearer me")];
    drop(session);
    assert!(proxy.terminate().status.success());
    assert!(!pids.iter().any(|pid| is_running(pid)), "they are gone before the proxy is");
}
