//! What reaches stdout and stderr: the server's words, the log, and never a secret.

use serde_json::Value;

use crate::support::{Finished, LATEST, Launch, Request, call, initialize};

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
