//! What reaches stdout and stderr: the server's lines, the log, and never a secret.

use serde_json::Value;

use crate::support::{self, Finished, LATEST, Launch, Request, call, initialize};

const KEY: &str = "k3y-that-must-not-leak";
const PAYLOAD: &str = "payload-that-stays-private";

/// Runs a proxy through refused and served requests and a clean stop.
fn run(launch: Launch) -> Finished {
    let proxy = launch.env("MCP_PROXY_API_KEY", KEY).start();
    assert_eq!(proxy.send(&Request::mcp(initialize(LATEST))).status, 401);
    let keyed = |request: Request| request.header("X-API-Key", KEY);
    let opened = proxy.send(&keyed(Request::mcp(initialize(LATEST))));
    let id = opened.header("mcp-session-id").expect("a session").to_owned();
    let call = call("1", "echo", &format!(r#"{{"text":"{PAYLOAD}"}}"#));
    assert_eq!(proxy.send(&keyed(Request::mcp(call).session(&id))).status, 200);
    let wrong = Request::mcp("{}").header("X-API-Key", &format!("{KEY}-wrong"));
    assert_eq!(proxy.send(&wrong).status, 401);
    proxy.terminate()
}

#[test]
fn the_key_is_never_written_and_messages_only_for_debugging() {
    for format in ["text", "json"] {
        for (debug, shown) in [(&["--debug"][..], true), (&["--logLevel", "trace"], false)] {
            let launch = Launch::new("stderr").flags(&["--logFormat", format]).flags(debug);
            let Finished { status, stdout, stderr } = run(launch.env("RUST_LOG", "trace"));
            assert_eq!(status.code(), Some(0), "{stderr}");
            assert!(!stdout.contains(KEY) && !stderr.contains(KEY), "{stdout}\n{stderr}");
            assert_eq!(stderr.contains(PAYLOAD), shown, "{stderr}");
            assert!(!stdout.contains(PAYLOAD), "{stdout}");
        }
    }
}

#[test]
fn traffic_is_told_by_direction_session_and_summary() {
    let Finished { stderr, .. } = run(Launch::new("echo").flags(&["--debug"]));
    let find = |text: &str| stderr.lines().find(|line| line.contains(text)).expect("a line");
    let call = find("→ tools/call echo #1  {");
    let session = call.split(' ').nth(1).expect("a session");
    assert!(session.len() == 8 && session.bytes().all(|b| b.is_ascii_hexdigit()), "{call}");
    let answer = find("← result #1  {");
    assert_eq!(answer.split(' ').nth(1), Some(session), "{answer}");
    assert!(find("→ initialize #0  {").contains(" -        →"), "{stderr}");
}

#[test]
fn with_json_every_line_of_stderr_is_an_object_the_servers_too() {
    let Finished { stdout, stderr, .. } =
        run(Launch::new("stderr").flags(&["--logFormat", "json", "--debug"]));
    assert!(stdout.lines().any(|line| line == "starting server on port 0"), "{stdout}");
    let lines: Vec<Value> = stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let hello = lines.iter().find(|line| line["message"] == "fixture: hello from stderr");
    assert_eq!(hello.expect("the server's words")["target"], "mcp_proxy::server");
    assert!(lines.iter().any(|line| line["summary"] == "tools/call echo #1"), "{stderr}");
}

#[test]
fn as_text_the_servers_words_are_passed_on_as_they_are() {
    let Finished { stderr, .. } = run(Launch::new("stderr"));
    assert!(stderr.lines().any(|line| line == "fixture: hello from stderr"), "{stderr}");
}

#[test]
fn refusals_are_logged_with_peer_and_reason_and_without_secrets() {
    let proxy = Launch::new("echo").env("MCP_PROXY_API_KEY", KEY).start();
    for _ in 0..100 {
        let wrong = Request::mcp("{}").header("X-API-Key", &format!("{KEY}-wrong"));
        assert_eq!(proxy.send(&wrong).status, 401);
    }
    let rebound = Request::get("/sse?token=hidden").header("Host", "evil.example");
    assert_eq!(proxy.send(&rebound.header("Origin", "null")).status, 403);
    let stderr = proxy.terminate().stderr;
    let lines = |text: &str| stderr.lines().filter(|line| line.contains(text)).count();
    assert!((1..50).contains(&lines("unauthorized")), "{stderr}");
    let line = stderr.lines().find(|line| line.contains("unauthorized")).expect("a line");
    for told in ["refused a request", "127.0.0.1", "401", "POST /mcp"] {
        assert!(line.contains(told), "{told}: {line}");
    }
    assert_eq!(lines("foreign_host"), 1, "{stderr}");
    assert!(!stderr.contains(KEY) && !stderr.contains("hidden"), "{stderr}");
}

#[test]
fn nothing_that_a_peer_says_is_obeyed_by_a_terminal() {
    let fixture = support::fixture().display().to_string();
    let script = format!(r"printf '\033[2J\033]0;noise\007\n'; exec {fixture} echo");
    let proxy = Launch::of(&["sh", "-c", &script]).flags(&["--debug"]).start();
    let session = proxy.session();
    session.call("1", r"a\u001b[2Jb\u202e\nforged line", "{}");
    let method = r#"{"jsonrpc":"2.0","id":2,"method":"m\u009b2J\r\nforged line"}"#;
    session.post(method);
    drop(session);
    let Finished { stdout, stderr, .. } = proxy.terminate();
    let all = stdout + &stderr;
    let obeyed = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    assert!(!all.contains(obeyed) && !all.contains('\u{202e}'), "{all:?}");
    assert!(all.contains("noise") && all.contains(r"a\u001b[2Jb"), "{all}");
    assert!(!all.lines().any(|line| line.starts_with("forged")), "{all}");
}
