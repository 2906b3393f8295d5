//! A shared server is restarted when it ends, and its clients keep their sessions.

use serde_json::Value;

use super::{kill, kill_and_notice, pid, text};
use crate::{
    chaos::scrape::settles,
    support::{Launch, Proxy, Request, Sse, call, initialize, is_gone, wait_for},
};

fn error(answer: &str) -> String {
    let answer: Value = serde_json::from_str(answer).expect("a message");
    answer["error"]["message"].as_str().unwrap_or_else(|| panic!("no error: {answer}")).to_owned()
}

#[test]
fn a_killed_server_fails_its_calls_at_once_and_comes_back_for_the_same_sessions() {
    let proxy = Proxy::of("slow");
    let session = proxy.session();
    let mut sse = Sse::initialized(&proxy);
    let first = pid(&session);
    let mut held = session.stream(call("1", "hold", "{}"));
    sse.send(&call("2", "hold", "{}"));
    wait_for("both calls are held", || {
        (session.call("3", "held", "{}").contains("\"2\"")).then_some(())
    });
    kill_and_notice(&proxy, first);
    let answer = held.expect();
    assert_eq!(error(&answer), "the MCP server was killed by signal 9");
    assert!(answer.contains(r#""id":1,"#) && answer.contains(r#""stderr":[]"#), "{answer}");
    assert!(held.message().is_none(), "one answer only");
    assert!(sse.events.expect().contains(r#""id":2,"error""#));
    // Waits for the server instead of failing.
    assert_ne!(pid(&session), first);
    assert!(sse.ask(&call("4", "echo", r#"{"text":"x"}"#)).contains(r#""text":"x""#));
    assert!(is_gone(first));
}

#[test]
fn every_way_to_break_leads_to_a_new_server() {
    for (mode, tool) in [
        ("exit-after 2", "echo"),
        ("long-line 3000", "flood"),
        ("closes-stdout", "close"),
        ("half-line", "half"),
    ] {
        let proxy = Launch::new(mode).flags(&["--maxLineSize", "2000"]).start();
        let session = proxy.session();
        let first = pid(&session);
        let answer = session.call("1", tool, "{}");
        assert!(error(&answer).starts_with("the MCP server "), "{mode}: {answer}");
        assert_ne!(pid(&session), first, "{mode}");
        wait_for("the first server is gone", || is_gone(first).then_some(()));
    }
}

#[test]
fn an_exit_names_code_and_last_words() {
    let proxy = Proxy::of("exit-after 1");
    let answer = proxy.session().call("1", "echo", "{}");
    assert_eq!(error(&answer), "the MCP server exited with code 3");
    assert!(answer.contains(r#""stderr":["fixture: out of patience"]"#), "{answer}");
}

#[test]
fn levels_and_subscriptions_are_settled_again() {
    let proxy = Proxy::of("log");
    let session = proxy.session();
    let level =
        r#"{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"debug"}}"#;
    assert!(session.post(level).message().contains("\"result\""));
    kill_and_notice(&proxy, pid(&session));
    assert!(session.call("2", "levels", "{}").contains(r#"{"levels":["debug"]}"#));

    let proxy = Proxy::of("subscribe");
    let session = proxy.session();
    let wish = r#"{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"x:a"}}"#;
    assert!(session.post(wish).message().contains("\"result\""));
    let mut stream = session.listen();
    kill_and_notice(&proxy, pid(&session));
    assert!(session.call("2", "counts", "{}").contains(r#""subscribed":1"#));
    session.call("3", "touch", r#"{"uri":"x:a"}"#);
    assert!(stream.expect().contains(r#""uri":"x:a""#));
}

#[test]
fn a_list_that_differs_afterwards_is_notified() {
    let proxy = Proxy::of("changing-tools");
    let session = proxy.session();
    let mut stream = session.listen();
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let prompts = r#"{"jsonrpc":"2.0","id":2,"method":"prompts/list"}"#;
    let before = session.post(list).message();
    session.post(prompts);
    kill_and_notice(&proxy, pid(&session));
    let notice = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
    assert_eq!(stream.expect(), notice);
    assert_ne!(session.post(list).message(), before);
}

#[test]
fn a_server_that_always_dies_is_given_up_and_says_so() {
    let proxy = Launch::new("exit-after 1").flags(&["--maxRestarts", "1"]).start();
    let session = proxy.session();
    for _ in 0..2 {
        assert!(error(&session.call("1", "echo", "{}")).contains("exited with code 3"));
    }
    let answer = session.call("2", "echo", "{}");
    assert!(error(&answer).contains("after 1 restarts in a row (--maxRestarts)"), "{answer}");
}

#[test]
fn a_server_that_was_given_up_is_tried_again_now_and_then() {
    let directory = tempfile::tempdir().expect("a directory");
    let mark = directory.path().join("broken");
    let fixture = crate::support::fixture().display().to_string();
    let script = format!("[ -e {} ] && exit 3; exec {fixture} echo", mark.display());
    let flags = ["--maxRestarts", "1", "--retryInterval", "300", "--restartWait", "0"];
    let proxy = Launch::of(&["sh", "-c", &script]).flags(&flags).start();
    let session = proxy.session();
    std::fs::write(&mark, "").expect("a file");
    kill_and_notice(&proxy, pid(&session));
    let ready = || proxy.send(&Request::get("/readyz"));
    let told = wait_for("it was given up", || {
        let answer = ready().text().to_owned();
        answer.contains("every 300 ms (--retryInterval)").then_some(answer)
    });
    assert!(told.contains(r#""state":"stopped""#), "{told}");
    let answer = session.call("1", "echo", "{}");
    assert!(error(&answer).contains("--retryInterval"), "nobody waits for it: {answer}");
    std::fs::remove_file(&mark).expect("a file");
    wait_for("it is back", || (ready().status == 200).then_some(()));
    session.assert_healthy();
}

#[test]
fn where_the_proxy_ends_with_its_server_nothing_is_tried_again() {
    let flags = ["--maxRestarts", "1", "--restart", "always", "--exitOnChildDeath"];
    let proxy = Launch::new("exit-after 1").flags(&flags).start();
    let call = call("1", "echo", "{}");
    let session = proxy.session();
    for _ in 0..2 {
        drop(session.post(call.clone()));
    }
    drop(session);
    let finished = proxy.finish();
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
    assert!(!finished.stderr.contains("--retryInterval"), "{}", finished.stderr);
}

/// A server whose second start never answers the handshake.
fn gone_for_long(isolation: &str, restart_wait: &str) -> (Proxy, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let mark = directory.path().join("started");
    let fixture = crate::support::fixture().display().to_string();
    let script = format!(
        "if [ -e {mark} ]; then exec {fixture} silent; fi; : > {mark}; exec {fixture} echo",
        mark = mark.display()
    );
    let flags = ["--isolation", isolation, "--restartWait", restart_wait, "--metricsPort", "0"];
    let proxy = Launch::of(&["sh", "-c", &script]).flags(&flags).start();
    (proxy, directory)
}

#[test]
fn a_call_waits_for_a_restart_only_so_long() {
    let (proxy, _directory) = gone_for_long("shared", "300");
    let session = proxy.session();
    kill_and_notice(&proxy, pid(&session));
    let answer = session.call("1", "echo", "{}");
    assert!(error(&answer).contains("it was not back within 300 ms"), "{answer}");
}

#[test]
fn a_batch_waits_for_a_restart_no_longer_than_one_call() {
    let (proxy, _directory) = gone_for_long("shared", "1000");
    let session = crate::support::Session::open_as(&proxy, "2025-03-26");
    kill_and_notice(&proxy, pid(&session));
    let calls: Vec<_> = (0..10).map(|id| call(&id.to_string(), "echo", "{}")).collect();
    let started = std::time::Instant::now();
    let answers = session.post(format!("[{}]", calls.join(","))).messages();
    assert_eq!(answers.len(), 10);
    assert!(answers.iter().all(|answer| answer.contains("not back within 1000 ms")));
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

#[test]
fn a_call_that_waits_for_a_restart_can_be_cancelled() {
    for isolation in ["shared", "session"] {
        // Far longer than anything here takes.
        let (proxy, _directory) = gone_for_long(isolation, "600000");
        let session = proxy.session();
        kill_and_notice(&proxy, pid(&session));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| session.post(call("\"w\"", "echo", "{}")));
            let counted = |series: &str| {
                let now = crate::chaos::scrape::Scrape::of(&proxy).value(series);
                (now > Some(0.0)).then_some(())
            };
            wait_for("the call waits", || counted("mcp_proxy_calls_in_flight"));
            let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"w"}}"#;
            let series =
                r#"mcp_proxy_calls_total{method="tools/call",tool="other",outcome="cancelled"}"#;
            wait_for("the call is cancelled", || {
                assert_eq!(session.post(cancel).status, 202);
                counted(series)
            });
            // The end of the session ends the stream of the call, which has no answer.
            session.delete();
            assert_eq!(waiting.join().expect("no panic").messages(), [""; 0]);
        });
    }
}

/// A server whose second start waits until the test lets it continue.
fn gone_until_called(isolation: &str) -> (Proxy, impl Fn(), tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (mark, gate) = (path("started"), path("gate"));
    let fixture = crate::support::fixture().display().to_string();
    // A named pipe opens for reading when somebody opens it for writing.
    let script = format!(
        "if [ -e {mark} ]; then read line < {gate}; else mkfifo {gate}; : > {mark}; fi; \
         exec {fixture} echo"
    );
    let flags = ["--isolation", isolation, "--metricsPort", "0"];
    let proxy = Launch::of(&["sh", "-c", &script]).flags(&flags).start();
    (proxy, move || std::fs::write(&gate, "\n").expect("the server waits"), directory)
}

#[test]
fn a_call_that_waits_for_a_restart_outlives_its_connection() {
    for isolation in ["shared", "session"] {
        let (proxy, let_go, _directory) = gone_until_called(isolation);
        let session = proxy.session();
        kill_and_notice(&proxy, pid(&session));
        let mut stream = session.stream(call("1", "echo", r#"{"text":"kept"}"#));
        let first = stream.event().and_then(|event| event.id).expect("a priming event");
        drop(stream);
        settles(&proxy, "mcp_proxy_connections", 0.0);
        let_go();
        let answer = session.resume(&first).expect();
        assert!(answer.contains(r#""id":1,"#) && answer.contains("kept"), "{isolation}: {answer}");
        session.assert_healthy();
    }
}

#[test]
fn a_call_over_sse_that_waits_for_a_restart_outlives_its_post() {
    for isolation in ["shared", "session"] {
        let (proxy, let_go, _directory) = gone_until_called(isolation);
        let mut sse = Sse::initialized(&proxy);
        let server = text(&sse.ask(&call("0", "pid", "{}"))).parse().expect("a process id");
        kill_and_notice(&proxy, server);
        let mut connection = proxy.connect();
        let request = Request::post(&sse.endpoint, call("1", "echo", r#"{"text":"kept"}"#));
        // Closing a connection with an unread answer resets it.
        connection.write(&[Request::get("/ping").bytes(), request.bytes()].concat());
        settles(&proxy, "mcp_proxy_calls_in_flight", 1.0);
        drop(connection);
        settles(&proxy, "mcp_proxy_connections", 1.0);
        let_go();
        let answer = sse.events.until(r#""id":1,"#).pop().expect("an answer");
        assert!(answer.contains("kept"), "{isolation}: {answer}");
    }
}

#[test]
fn an_end_of_output_is_explained_by_the_exit_that_follows() {
    let fixture = crate::support::fixture().display().to_string();
    let script =
        format!(r#"exec 3<&0; "{fixture}" closing <&3 & exec 3<&- >&-; wait; sleep 0.5; exit 3"#);
    let proxy = Launch::of(&["sh", "-c", &script]).start();
    let answer = proxy.session().call("1", "close", "{}");
    assert_eq!(error(&answer), "the MCP server exited with code 3");
}

#[test]
fn never_means_never_and_success_is_no_failure() {
    for (flags, kill_with) in
        [(["--restart", "never"], "KILL"), (["--restart", "on-failure"], "exit 0")]
    {
        let proxy = Launch::new("leaves").flags(&flags).start();
        let session = proxy.session();
        if kill_with == "KILL" {
            kill_and_notice(&proxy, pid(&session));
        } else {
            session.call("0", "leave", "{}");
        }
        let answer = session.call("1", "echo", "{}");
        assert!(error(&answer).contains("(--restart "), "{flags:?}: {answer}");
    }
}

#[test]
fn a_hung_server_is_noticed_by_pings() {
    let flags = ["--pingInterval", "50", "--pingTimeout", "500"];
    let proxy = Launch::new("slow").flags(&flags).start();
    let session = proxy.session();
    let first = pid(&session);
    kill("STOP", first);
    let answer = session.call("1", "echo", "{}");
    assert_eq!(error(&answer), "the MCP server did not answer a ping within 500 ms");
    assert_ne!(pid(&session), first);
    assert!(is_gone(first));
}

#[test]
fn the_process_can_end_with_its_server() {
    let proxy = Launch::new("echo").flags(&["--exitOnChildDeath"]).start();
    kill("KILL", pid(&proxy.session()));
    let finished = proxy.finish();
    assert_eq!(finished.status.code(), Some(1));
    assert!(finished.stderr.contains("the proxy ends: the MCP server was killed by signal 9"));
}

#[test]
fn the_port_can_open_before_the_server_answers() {
    let proxy = Launch::new("silent").flags(&["--listenEarly"]).start();
    let answer = proxy.send(&Request::mcp(initialize("2025-11-25")));
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("1")),
        "{}",
        answer.text()
    );
    assert_eq!(proxy.send(&Request::get("/sse")).status, 503);
    assert_eq!(proxy.send(&Request::get("/ping")).status, 200);
    let finished = proxy.terminate();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let proxy = Launch::new("echo").flags(&["--listenEarly"]).start();
    wait_for("the server is there", || {
        (proxy.send(&Request::mcp(initialize("2025-11-25"))).status == 200).then_some(())
    });
    assert_eq!(text(&proxy.session().call("1", "echo", r#"{"text":"x"}"#)), "x");
}

#[test]
fn progress_moves_the_idle_limit_but_not_the_absolute_one() {
    let flags = ["--requestTimeout", "400", "--maxRequestTime", "1200"];
    let proxy = Launch::new("cancel").flags(&flags).start();
    let session = proxy.session();
    let answer = session.call("1", "hang", "{}");
    assert!(answer.contains(r#""timeout":400"#), "{answer}");
    let cancelled = session.call("2", "cancelled", "{}");
    assert!(cancelled.contains("Request timed out"), "{cancelled}");
    let proxy = Launch::new("progressing 100").flags(&flags).start();
    let session = proxy.session();
    let body = r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"_meta":{"progressToken":"p"},"name":"endless","arguments":{}}}"#;
    let mut messages = session.post(body).messages();
    let last = messages.pop().expect("an answer");
    assert!(last.contains(r#""timeout":1200"#), "{last}");
    assert!(messages.len() >= 5, "{messages:?}");
}

#[test]
fn log_messages_of_the_only_call_move_the_idle_limit_too() {
    let flags = ["--isolation", "session", "--requestTimeout", "1500"];
    let proxy = Launch::new("babbling").flags(&flags).start();
    let session = proxy.session();
    let began = std::time::Instant::now();
    let mut stream = session.stream(call("1", "babble", r#"{"count":20,"bytes":1,"pause":100}"#));
    assert!(stream.until(r#""id":1,"#).pop().expect("an answer").contains(r#""text":"20""#));
    assert!(began.elapsed().as_millis() >= 2000, "{:?}", began.elapsed());
}

#[test]
fn the_process_outlives_its_server_if_both_are_asked_for() {
    let flags = ["--exitOnChildDeath", "--restart", "always"];
    let proxy = Launch::new("echo").flags(&flags).start();
    let session = proxy.session();
    let first = pid(&session);
    kill_and_notice(&proxy, first);
    assert_ne!(pid(&session), first);
}
