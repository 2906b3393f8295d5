//! `--replay` and `--verify`: what was recorded is served again, and compared with a server.

use std::{fs, path::Path, process::Command};

use crate::support::{Direct, LATEST, Launch, Modern, Session, call, fixture, initialize};

/// A recording of a session with the fixture.
fn recorded(directory: &Path) -> String {
    let file = directory.join("traffic.jsonl");
    let proxy = Launch::new("echo").flag("--record", &file).start();
    let session = Session::open(&proxy);
    session.call("1", "echo", r#"{"text":"first"}"#);
    session.call("2", "echo", r#"{"text":"second"}"#);
    session.post(r#"{"jsonrpc":"2.0","id":3,"method":"tools/list"}"#);
    assert_eq!(proxy.terminate().status.code(), Some(0));
    file.to_string_lossy().into_owned()
}

fn run(words: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_mcp-proxy")).args(words).output().expect("the binary starts")
}

#[test]
fn a_recording_is_served_to_clients_of_both_eras() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = recorded(directory.path());
    let proxy = Launch::of(&[]).flags(&["--replay", &file, "--replaySpeed", "0"]).start();
    let session = Session::open(&proxy);
    assert!(session.call("\"mine\"", "echo", r#"{"text":"second"}"#).contains("second"));
    let unknown = session.call("9", "echo", r#"{"text":"third"}"#);
    assert!(unknown.contains("the nearest one differs: at /arguments/text"), "{unknown}");
    let modern = Modern::call("echo", r#"{"text":"first"}"#).send(&proxy);
    assert!(modern.text().contains("first"), "{}", modern.text());
}

#[test]
fn a_recording_is_served_over_standard_input_and_output() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = recorded(directory.path());
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-proxy"));
    command.args(["--stdio", "--replay", &file, "--replaySpeed", "0"]);
    let mut direct = Direct::with(command);
    assert!(direct.ask(&initialize(LATEST)).contains("serverInfo"));
    let answer = direct.ask(&call("77", "echo", r#"{"text":"first"}"#));
    assert!(answer.contains("first") && answer.contains("77"), "{answer}");
}

#[test]
fn a_server_that_answers_as_recorded_is_the_same_and_any_other_is_not() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = recorded(directory.path());
    let fixture = fixture();
    let fixture = fixture.to_str().expect("a path");
    let same = run(&["--verify", &file, "--", fixture, "echo"]);
    let text = String::from_utf8_lossy(&same.stdout);
    assert_eq!(same.status.code(), Some(0), "{text}");
    assert!(text.contains("3 calls: 3 same, 0 differ, 0 skipped"), "{text}");
    let planted = fs::read_to_string(&file).expect("the recording");
    let planted: Vec<_> = planted
        .lines()
        .map(|line| {
            if line.contains("to-client") {
                line.replace("second", "planted")
            } else {
                line.to_owned()
            }
        })
        .collect();
    let other = directory.path().join("planted.jsonl");
    fs::write(&other, planted.join("\n")).expect("a file");
    let other = other.to_str().expect("a path");
    for (form, expected) in [
        ("text", "was recorded, now"),
        ("tap", "not ok 2 - tools/call echo"),
        ("junit", "failures=\"1\""),
    ] {
        let differs = run(&["--verify", other, "--verifyReport", form, "--", fixture, "echo"]);
        let text = String::from_utf8_lossy(&differs.stdout);
        assert_eq!(differs.status.code(), Some(1), "{text}");
        assert!(text.contains(expected), "{text}");
    }
    let ignoring = run(&["--verify", other, "--mayDiffer", "text", "--", fixture, "echo"]);
    assert_eq!(ignoring.status.code(), Some(0), "{}", String::from_utf8_lossy(&ignoring.stdout));
    let gone = run(&["--verify", &file, "--", "no-such-program-of-a-test"]);
    assert_eq!(gone.status.code(), Some(4), "{}", String::from_utf8_lossy(&gone.stderr));
}

#[test]
fn what_is_not_a_recording_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("x.json");
    fs::write(&file, "{}").expect("a file");
    let file = file.to_str().expect("a path");
    for words in [
        &["--verify", file, "--", "true"][..],
        &["--stdio", "--replay", file],
        &["--replay", file, "--", "node"],
    ] {
        let refused = run(words);
        assert_ne!(refused.status.code(), Some(0), "{words:?}");
        assert!(!refused.stderr.is_empty(), "{words:?}");
    }
}

#[test]
fn a_recording_of_several_parts_is_served_as_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("traffic.jsonl");
    let proxy = Launch::new("echo")
        .flag("--record", &file)
        .flags(&["--recordMaxSize", "4096", "--recordMaxFiles", "50"])
        .start();
    let session = Session::open(&proxy);
    for number in 0..20 {
        session.call("1", "echo", &format!(r#"{{"text":"call {number}"}}"#));
    }
    assert_eq!(proxy.terminate().status.code(), Some(0));
    assert!(directory.path().join("traffic.jsonl.3").exists(), "it was rotated");
    let file = file.to_str().expect("a path");
    let proxy = Launch::of(&[]).flags(&["--replay", file, "--replaySpeed", "0"]).start();
    let session = Session::open(&proxy);
    for number in [0, 7, 19] {
        let text = format!("call {number}");
        let answer = session.call("\"mine\"", "echo", &format!(r#"{{"text":"{text}"}}"#));
        assert!(answer.contains(&text) && !answer.contains("nearest"), "{answer}");
    }
    // What was recorded before, by another run, is another recording.
    drop(proxy);
    let later = Launch::new("echo").flag("--record", Path::new(file)).start();
    Session::open(&later).call("1", "echo", r#"{"text":"later"}"#);
    assert_eq!(later.terminate().status.code(), Some(0));
    let fixture = fixture();
    let fixture = fixture.to_str().expect("a path");
    let verified = run(&["--verify", file, "--", fixture, "echo"]);
    let text = String::from_utf8_lossy(&verified.stdout);
    assert!(text.contains("1 calls: 1 same"), "{text}");
}

#[test]
fn servers_of_a_file_are_compared_as_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let (config, file) = (directory.path().join("mcp.json"), directory.path().join("t.jsonl"));
    let fixture = fixture();
    let one = serde_json::json!({ "command": fixture, "args": ["echo"] });
    let servers = serde_json::json!({ "mcpServers": { "one": one, "two": one } });
    fs::write(&config, servers.to_string()).expect("a file");
    let proxy = Launch::of(&[]).flag("--config", &config).flag("--record", &file).start();
    let session = Session::open(&proxy);
    let answer = session.call("1", "two__echo", r#"{"text":"x"}"#);
    assert!(answer.contains("\"x\""), "{answer}");
    assert_eq!(proxy.terminate().status.code(), Some(0));
    let (config, file) = (config.to_str().expect("a path"), file.to_str().expect("a path"));
    let same = run(&["--verify", file, "--config", config]);
    let text = String::from_utf8_lossy(&same.stdout);
    assert_eq!(same.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&same.stderr));
    assert!(text.contains("same     tools/call two__echo"), "{text}");
}
