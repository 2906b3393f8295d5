//! `--replay` and `--verify`: a recording is served again, and compared with a server.

use std::{
    fs,
    io::{BufWriter, Write as _},
    path::Path,
    process::Command,
};

use serde_json::{Value, json};

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
        &["--port", "0", "--replay", file],
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
    // The older recording, of another run, is separate.
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

/// A copy of the recording in which every message for a client was changed like this.
fn planted(file: &str, change: impl Fn(&mut Value)) -> String {
    let text = fs::read_to_string(file).expect("the recording");
    let lines = text.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).expect("a line of JSON");
        if line["point"] == "to-client" {
            let text = line["text"].as_str().expect("a message");
            let mut message: Value = serde_json::from_str(text).expect("a message");
            change(&mut message);
            line["text"] = message.to_string().into();
        }
        format!("{line}\n")
    });
    let other = format!("{file}.planted");
    fs::write(&other, lines.collect::<String>()).expect("a file");
    other
}

/// A change to a recording, and where it must be found.
type Planted = (&'static str, fn(&mut Value), &'static str);

#[test]
fn a_planted_difference_of_every_kind_is_found() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = recorded(directory.path());
    let fixture = fixture();
    let fixture = fixture.to_str().expect("a path");
    let text = |message: &Value| message["result"]["content"][0]["text"].is_string();
    assert!(fs::read_to_string(&file).expect("the recording").contains("content"));
    let changes: [Planted; 9] = [
        (
            "a text",
            |it| set(it, "/result/content/0/text", json!("other")),
            "/result/content/0/text",
        ),
        ("a type", |it| set(it, "/result/content/0/text", json!(5)), "/result/content/0/text"),
        ("null", |it| set(it, "/result/content/0/text", Value::Null), "/result/content/0/text"),
        ("an object", |it| set(it, "/result/content/0/text", json!({})), "/result/content/0/text"),
        ("a longer list", |it| push(it, json!({ "type": "text" })), "/result/content/1"),
        ("a shorter list", |it| set(it, "/result/content", json!([])), "/result/content/0"),
        ("a member that is gone", |it| add(it, "extra", json!(true)), "/result/extra"),
        ("a member that is new", |it| without(it, "content"), "/result/content"),
        ("an error", failed, "/error"),
    ];
    for (what, change, place) in changes {
        let other = planted(&file, |message| {
            if text(message) {
                change(message);
            }
        });
        let differs = run(&["--verify", &other, "--", fixture, "echo"]);
        let report = String::from_utf8_lossy(&differs.stdout);
        assert_eq!(differs.status.code(), Some(1), "{what}: {report}");
        assert!(report.contains(place), "{what}: {report}");
        assert!(report.contains("3 calls: 1 same, 2 differ, 0 skipped"), "{what}: {report}");
    }
}

fn set(message: &mut Value, place: &str, value: Value) {
    *message.pointer_mut(place).expect("the place") = value;
}

fn push(message: &mut Value, value: Value) {
    message["result"]["content"].as_array_mut().expect("a list").push(value);
}

fn add(message: &mut Value, name: &str, value: Value) {
    message["result"][name] = value;
}

fn without(message: &mut Value, name: &str) {
    message["result"].as_object_mut().expect("an object").remove(name);
}

fn failed(message: &mut Value) {
    *message =
        json!({ "jsonrpc": "2.0", "id": message["id"], "error": { "code": -1, "message": "m" } });
}

#[test]
fn nothing_in_a_recording_controls_a_terminal() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = recorded(directory.path());
    let evil = "\u{1b}[2J\u{9b}31m\u{202e}<script>\u{7}";
    let text = fs::read_to_string(&file).expect("the recording");
    let hostile: Vec<String> = text
        .lines()
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).expect("a line of JSON");
            if let Some(text) = line["text"].as_str() {
                let mut message: Value = serde_json::from_str(text).unwrap_or_default();
                for place in ["/result/content/0/text", "/params/name", "/params/arguments/text"] {
                    if let Some(value) = message.pointer_mut(place) {
                        *value = evil.into();
                    }
                }
                line["text"] = message.to_string().into();
            }
            for name in ["session", "name"] {
                if line[name].is_string() {
                    line[name] = evil.into();
                }
            }
            line.to_string()
        })
        .collect();
    let other = directory.path().join(format!("{}.jsonl", evil.replace('/', "")));
    fs::write(&other, hostile.join("\n") + "\n").expect("a file");
    let fixture = fixture();
    let (other, fixture) = (other.to_str().expect("a path"), fixture.to_str().expect("a path"));
    for form in ["text", "tap", "junit"] {
        let differs = run(&["--verify", other, "--verifyReport", form, "--", fixture, "echo"]);
        assert_shows_nothing_evil(&differs);
    }
    fs::write(other, format!("{evil}\n")).expect("a file");
    assert_shows_nothing_evil(&run(&["--verify", other, "--", fixture, "echo"]));
    assert_shows_nothing_evil(&run(&["--stdio", "--replay", other]));
}

fn assert_shows_nothing_evil(output: &std::process::Output) {
    for stream in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(stream);
        for letter in ['\u{1b}', '\u{9b}', '\u{202e}', '\u{7}'] {
            assert!(!text.contains(letter), "{text:?}");
        }
    }
}

/// `MCP_PROXY_TEST_RECORDING_MB=1000` makes it as long as `--recordMaxFiles` allows.
#[test]
#[cfg(target_os = "linux")]
fn a_long_recording_takes_as_much_memory_as_the_messages_of_its_clients() {
    let megabytes = std::env::var("MCP_PROXY_TEST_RECORDING_MB").ok();
    let megabytes: u64 = megabytes.and_then(|text| text.parse().ok()).unwrap_or(40);
    let directory = tempfile::tempdir().expect("a directory");
    let (short, long) = (recorded(directory.path()), directory.path().join("long.jsonl"));
    let text = fs::read_to_string(short).expect("the recording");
    let mut lines = text.lines();
    let mut file = BufWriter::new(fs::File::create(&long).expect("a file"));
    writeln!(file, "{}", lines.next().expect("a header")).expect("a line");
    for line in lines {
        writeln!(file, "{line}").expect("a line");
    }
    let (mut written, mut kept, payload) = (0, 0, "x".repeat(300));
    for number in 0.. {
        let call = call("\"n\"", "echo", &format!(r#"{{"text":"{payload}{number}"}}"#));
        let answer =
            json!({ "jsonrpc": "2.0", "id": "n", "result": { "text": number } }).to_string();
        for (point, text) in [
            ("from-client", &call),
            ("to-server", &call),
            ("from-server", &answer),
            ("to-client", &answer),
        ] {
            let line = json!({ "n": number, "t": number, "point": point, "session": "00000009", "text": text });
            let line = line.to_string();
            writeln!(file, "{line}").expect("a line");
            written += line.len() as u64;
            kept += if point.ends_with("client") { text.len() as u64 } else { 0 };
        }
        if written > megabytes * 1_000_000 {
            break;
        }
    }
    drop(file);
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-proxy"));
    command.args(["--stdio", "--replaySpeed", "0", "--replay"]).arg(&long);
    let mut direct = Direct::with(command);
    let answer = direct.ask(&call("5", "echo", &format!(r#"{{"text":"{payload}7"}}"#)));
    assert!(answer.contains("\"text\":7"), "{answer}");
    let status = fs::read_to_string(format!("/proc/{}/status", direct.pid())).expect("its status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    let bound = 3 * kept + 64_000_000;
    assert!(peak * 1024 < bound, "{peak} kB for {kept} bytes of messages, {written} in the file");
}
