//! Children that fail at the start or later, and what their clients are told.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Finished, Launch, Proxy, Sse, call, fixture, is_gone, wait_for};

/// Fails unless the start of the proxy failed with this sentence and without a panic.
fn assert_refused_to_start(finished: &Finished, expected: &[&str]) {
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    assert!(!finished.stdout.contains("listening"), "{finished:?}");
    let line = finished.stderr.lines().find(|line| line.starts_with("could not start the proxy"));
    let line = line.unwrap_or_else(|| panic!("no sentence: {finished:?}"));
    for part in expected {
        assert!(line.contains(part), "{part:?} in {line:?}");
    }
    assert!(!finished.stderr.contains("panicked"), "{finished:?}");
}

#[test]
fn a_command_that_does_not_exist_is_named() {
    let finished = Launch::of(&["no-such-command-anywhere", "x"]).run();
    assert_refused_to_start(&finished, &["no-such-command-anywhere", "ENOENT"]);
}

#[test]
fn a_command_that_is_no_program_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let finished = Launch::of(&[folder.path().to_str().expect("a path")]).run();
    assert_refused_to_start(&finished, &[folder.path().to_str().expect("a path")]);
}

#[test]
fn a_command_line_in_one_word_is_explained() {
    for words in [&["npx -y some-server"][..], &["node server.js", "--flag"]] {
        let finished = Launch::of(words).run();
        assert_refused_to_start(&finished, &["ENOENT", "separate words", "--shell"]);
    }
}

#[test]
fn python_that_writes_nothing_is_told_of_its_buffer() {
    let folder = tempfile::tempdir().expect("a folder");
    let silent = folder.path().join("python3");
    let script = format!("#!/bin/sh\nexec {} silent\n", fixture().display());
    std::fs::write(&silent, script).expect("a script");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&silent, mode).expect("an executable script");
    let command = silent.to_str().expect("a path");
    let run = |words: &[&str]| {
        let launch = Launch::of(words).flags(&["--connectionTimeout", "300"]);
        launch.env("PYTHONUNBUFFERED", "").run()
    };
    let finished = run(&[command, "server.py"]);
    assert_refused_to_start(&finished, &["300 ms", "python -u", "PYTHONUNBUFFERED=1"]);
    let finished = run(&[command, "-u", "server.py"]);
    assert!(!finished.stderr.contains("PYTHONUNBUFFERED"), "{finished:?}");
}

#[test]
fn the_proxys_own_variables_are_not_inherited() {
    // Each is read as `--debug`, or might be in another release.
    const SPELLINGS: [&str; 4] =
        ["MCP_PROXY_DEBUG", "mcp_proxy_debug", "MCP_PROXYDEBUG", "Mcp_Proxy_quiet"];
    let program = fixture().display().to_string();
    let start = |flags: &[&str]| {
        let launch = Launch::of(&[&program, "args"]).flags(flags).env("WIRE_TEST", "some value");
        let launch = SPELLINGS.iter().fold(launch, |launch, name| launch.env(name, "false"));
        let proxy = launch.start();
        let answer = proxy.session().call("1", "process", "{}");
        let answer: Value = serde_json::from_str(&answer).expect("a message");
        answer["result"]["structuredContent"]["env"].clone()
    };
    let inherited = start(&[]);
    assert_eq!(inherited["WIRE_TEST"], "some value");
    for name in SPELLINGS {
        assert_eq!(inherited[name], Value::Null, "{name}");
    }
    let given = start(&["--env", "MCP_PROXY_DEBUG=for the server"]);
    assert_eq!(given["MCP_PROXY_DEBUG"], "for the server");
}

#[test]
fn a_server_that_refuses_the_newest_revision_is_asked_for_an_older_one() {
    for version in ["2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07"] {
        let proxy = Launch::new(&format!("dated {version}")).start();
        proxy.session().assert_healthy();
        let said = format!("trying {version}");
        assert!(proxy.stderr.line(|line| line.contains(&said)).is_some(), "{version}");
    }
    let finished = Launch::new("dated 1.0").run();
    assert_refused_to_start(&finished, &["initialize", "use 1.0"]);
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_server_leaves_behind_is_reaped_by_the_first_process_of_a_container() {
    let fixture = fixture().display().to_string();
    let script = format!("(sh -c 'sleep 0.05 & echo orphan $! >&2'); exec {fixture} echo");
    let proxy = Launch::adopting(&["sh", "-c", &script]).start();
    let line = proxy.stderr.line(|line| line.starts_with("orphan ")).expect("its process id");
    let orphan = line.trim_start_matches("orphan ").to_owned();
    let folder = std::path::Path::new("/proc").join(&orphan);
    wait_for("the orphan is reaped", || (!folder.exists()).then_some(()));
    // The proxy must still get the exit status of its own server.
    let session = proxy.session();
    session.assert_healthy();
    drop(session);
    assert_eq!(proxy.terminate().status.code(), Some(0));
}

#[test]
fn a_shell_that_does_not_find_the_command_says_so() {
    let finished = Launch::of(&["no-such-command-anywhere"]).flags(&["--shell"]).run();
    assert_refused_to_start(&finished, &["127"]);
}

#[test]
fn a_child_that_exits_at_once_is_reported_with_its_status_and_last_words() {
    for (mode, status) in [("exit 0", "code 0"), ("exit 5", "code 5")] {
        let finished = Launch::new(mode).run();
        assert_refused_to_start(&finished, &["initialize", status]);
        assert!(finished.stderr.contains("not in the mood"), "{finished:?}");
    }
}

#[test]
fn a_child_that_never_answers_is_given_up_after_the_connection_timeout() {
    for mode in ["silent", "garbage"] {
        let started = Instant::now();
        let finished = Launch::new(mode).flags(&["--connectionTimeout", "300"]).run();
        assert_refused_to_start(&finished, &["initialize", "300 ms"]);
        assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    }
}

#[test]
fn shell_words_are_joined_as_they_are() {
    let program = fixture().display().to_string();
    let proxy = Launch::of(&[&program, "args", "'a b'", "$HOME_OF_NOBODY", "&&", "true"])
        .flags(&["--shell"])
        .start();
    let answer = proxy.session().call("1", "process", "{}");
    assert!(answer.contains(r#""argv":["a b"]"#), "{answer}");
}

/// Differs from mcp-proxy: there, number-like words are rewritten.
#[test]
fn words_environment_and_folder_reach_the_child_untouched() {
    let program = fixture().display().to_string();
    let words = ["1.10", "0x1F", "", " a  b ", "--port", "--", "-x", "caf\u{e9}", "'\"$HOME"];
    let command: Vec<&str> = [program.as_str(), "args"].into_iter().chain(words).collect();
    let proxy = Launch::of(&command).env("WIRE_TEST", "some value").start();
    let answer = proxy.session().call("1", "process", "{}");
    let answer: Value = serde_json::from_str(&answer).expect("a message");
    let report = &answer["result"]["structuredContent"];
    assert_eq!(report["argv"], serde_json::json!(words));
    assert_eq!(report["env"]["WIRE_TEST"], "some value");
    let folder = std::env::current_dir().expect("a folder");
    assert_eq!(report["cwd"], folder.to_str().expect("a path"));
}

#[test]
fn stderr_of_the_child_is_our_stderr() {
    let proxy = Proxy::of("stderr");
    assert!(proxy.stderr.line(|line| line == "fixture: hello from stderr").is_some());
    proxy.session().call("1", "complain", "{}");
    assert!(proxy.stderr.line(|line| line == "fixture: a call was made").is_some());
}

#[test]
fn noise_on_stdout_is_left_out_and_named() {
    let proxy = Proxy::of("noise");
    let session = proxy.session();
    for _ in 0..3 {
        session.assert_healthy();
    }
    let warned = |text: &'static str| proxy.stderr.line(move |line| line.contains(text)).is_some();
    assert!(warned("ignoring non-JSON output"));
    assert!(warned("npm warn deprecated"));
    assert!(warned("stripped non-JSON prefix from output"));
    assert!(!proxy.stdout.so_far().contains("npm warn"), "{}", proxy.stdout.so_far());
}

#[test]
fn bare_carriage_returns_do_not_break_an_event() {
    let proxy = Proxy::of("noise");
    let session = proxy.session();
    let mut sse = Sse::initialized(&proxy);
    let body = call("1", "carriage-return", "{}");
    for answer in [session.post(body.as_str()).message(), sse.ask(&body)] {
        let answer: Value = serde_json::from_str(&answer).expect("one whole message");
        assert_eq!(answer["result"], serde_json::json!({ "content": [], "isError": false }));
    }
}

#[test]
fn invalid_utf8_becomes_replacement_characters() {
    let proxy = Proxy::of("noise");
    let session = proxy.session();
    let answer = session.call("1", "bad-utf8", "{}");
    assert!(answer.contains("caf\u{fffd} \u{fffd}!"), "{answer}");
    session.assert_healthy();
}

/// The error for a call that the child did not live to answer.
fn assert_died(answer: &str, id: &str) {
    let answer: Value = serde_json::from_str(answer).expect("a message");
    assert_eq!(answer["id"].to_string(), id);
    assert_eq!(answer["error"]["code"], -32603, "{answer}");
    let text = answer["error"].to_string();
    assert!(text.contains("code 3") && text.contains("out of patience"), "{text}");
}

#[test]
fn a_death_fails_the_calls_in_flight_at_once_with_status_and_last_words() {
    let proxy = Proxy::of("exit-after 3");
    let (one, two) = (proxy.session(), proxy.session());
    let mut sse = Sse::initialized(&proxy);
    one.assert_healthy();
    two.assert_healthy();
    assert_died(&sse.ask(&call("7", "echo", "{}")), "7");
    assert!(proxy.stderr.line(|line| line.starts_with("[mcp-proxy] the MCP server")).is_some());
}

#[test]
fn calls_that_wait_when_the_child_is_killed_are_answered() {
    let proxy = Proxy::of("slow");
    let session = proxy.session();
    let mut held: Vec<_> =
        ["1", "\"1\""].map(|id| (id, session.stream(call(id, "hold", "{}")))).into();
    kill(child_pid(&proxy));
    for (id, stream) in &mut held {
        let answer: Value = serde_json::from_str(&stream.expect()).expect("a message");
        assert_eq!(answer["id"].to_string(), *id);
        assert_eq!(answer["error"]["code"], -32603);
        assert!(answer["error"].to_string().contains("signal 9"), "{answer}");
        assert_eq!(stream.message(), None);
    }
    assert_eq!(proxy.send(&crate::support::Request::get("/ping")).status, 200);
}

#[test]
fn after_a_death_calls_say_so_instead_of_hanging() {
    let proxy = Proxy::of("exit-after 1");
    let session = proxy.session();
    for _ in 0..3 {
        assert_died(&session.call("1", "echo", "{}"), "1");
    }
    let mut kept = Sse::open(&proxy);
    assert!(kept.ask(&call("2", "echo", "{}")).contains(r#""error""#));
}

/// A descendant may keep the pipe open: the exit of the child counts, not the end of its output.
#[test]
fn a_death_is_noticed_although_a_grandchild_holds_the_pipe() {
    let proxy = Proxy::of("grandchild");
    let session = proxy.session();
    let grandchild = number(&session.call("1", "grandchild", "{}"));
    kill(child_pid(&proxy));
    wait_for("the death is told", || {
        session.call("2", "echo", "{}").contains(r#""error""#).then_some(())
    });
    wait_for("the rest of its group is stopped", || is_gone(grandchild).then_some(()));
}

#[test]
fn an_endless_line_fails_the_calls_loudly() {
    let proxy = Launch::new("long-line 100000").flags(&["--maxLineSize", "65536"]).start();
    let session = proxy.session();
    session.assert_healthy();
    let answer = session.call("1", "flood", "{}");
    assert!(answer.contains("-32603") && answer.contains("65536"), "{answer}");
}

#[test]
fn a_line_of_twenty_mebibytes_is_the_default_limit() {
    let proxy = Proxy::of("long-line 21000000");
    let answer = proxy.session().call("1", "flood", "{}");
    assert!(answer.contains("20971520"), "{answer}");
}

#[test]
fn a_call_that_exceeds_the_request_timeout_is_failed_and_cancelled() {
    let proxy = Launch::new("cancel").flags(&["--requestTimeout", "300"]).start();
    let session = proxy.session();
    let answer: Value = serde_json::from_str(&session.call("9", "hang", "{}")).expect("a message");
    assert_eq!(answer["id"], 9);
    assert_eq!(answer["error"]["code"], -32603, "{answer}");
    assert_eq!(answer["error"]["message"], "Request timed out");
    let report = session.call("1", "cancelled", "{}");
    let report: Value = serde_json::from_str(&report).expect("a message");
    let report = &report["result"]["structuredContent"];
    assert_eq!(report["cancelled"][0]["requestId"], report["hanging"][0], "{report}");
    assert_eq!(report["cancelled"].as_array().map(Vec::len), Some(1));
}

/// The number in a tool's text.
pub(crate) fn number(answer: &str) -> u32 {
    let answer: Value = serde_json::from_str(answer).expect("a message");
    let text = answer["result"]["content"][0]["text"].as_str().expect("a text");
    text.parse().expect("a number")
}

/// The process behind the proxy.
pub(crate) fn child_pid(proxy: &Proxy) -> u32 {
    number(&proxy.session().call("1", "pid", "{}"))
}

fn kill(pid: u32) {
    let status = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    assert!(status.expect("kill runs").success());
}
