//! `--record`: all traffic is in the file, without secrets, however the proxy ends.

use std::{fs, path::Path};

use serde_json::Value;

use crate::support::{LATEST, Launch, Modern, Request, Sse, call, initialize, wait_for};

fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines = text.lines().filter(|_| text.ends_with('\n'));
    lines.map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn at<'a>(lines: &'a [Value], point: &str, text: &str) -> Option<&'a Value> {
    lines.iter().find(|line| {
        line["point"] == point && line["text"].as_str().is_some_and(|it| it.contains(text))
    })
}

#[test]
fn a_call_is_recorded_at_all_four_points_and_its_secrets_are_not() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("traffic.jsonl");
    let proxy = Launch::new("stderr")
        .flag("--record", &file)
        .flags(&["--apiKey", "s3cret-key", "--redact", "pin"])
        .start();
    let keyed = |request: Request| request.header("X-API-Key", "s3cret-key");
    assert_eq!(proxy.send(&Request::mcp(initialize(LATEST))).status, 401);
    let opened = proxy.send(&keyed(Request::mcp(initialize(LATEST))));
    let session = opened.header("mcp-session-id").expect("a session").to_owned();
    let arguments = r#"{"text":"marker","password":"hunter2","pin":[1,2,3,4]}"#;
    let request = keyed(Request::mcp(call("1", "echo", arguments)).session(&session));
    assert_eq!(proxy.send(&request).status, 200);
    assert_eq!(proxy.terminate().status.code(), Some(0));
    let text = fs::read_to_string(&file).expect("the recording");
    for secret in ["s3cret-key", "hunter2", "[1,2,3,4]", session.as_str()] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let lines = lines(&file);
    assert_eq!(lines[0]["format"], "mcp-proxy-recording");
    let find =
        |point, text| at(&lines, point, text).unwrap_or_else(|| panic!("{point}: {lines:#?}"));
    let (asked, answered) = (find("from-client", "marker"), find("to-client", "marker"));
    find("to-server", "marker");
    find("from-server", "marker");
    find("stderr", "hello from stderr");
    assert_eq!(asked["session"], session[..8]);
    assert_eq!((&asked["session"], &asked["stream"]), (&answered["session"], &answered["stream"]));
    let exchange = &asked["exchange"];
    let head = lines.iter().find(|line| line["point"] == "http" && line["exchange"] == *exchange);
    let head = &head.expect("the head of the exchange")["http"];
    assert_eq!(
        (&head["method"], &head["target"], &head["status"]),
        (&"POST".into(), &"/mcp".into(), &200.into())
    );
    let refused = lines.iter().find(|line| line["http"]["status"] == 401);
    assert!(refused.is_some(), "{lines:#?}");
    let happened: Vec<_> = lines.iter().filter_map(|line| line["event"]["what"].as_str()).collect();
    assert_eq!(happened, ["started", "opened", "closed", "ended"]);
}

#[test]
fn clients_of_every_kind_are_recorded() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("traffic.jsonl");
    let proxy = Launch::new("echo").flag("--record", &file).start();
    let mut sse = Sse::initialized(&proxy);
    assert!(sse.ask(&call("5", "echo", r#"{"text":"over-sse"}"#)).contains("over-sse"));
    assert_eq!(Modern::call("echo", r#"{"text":"modern"}"#).send(&proxy).status, 200);
    drop(proxy.terminate());
    let lines = lines(&file);
    for text in ["over-sse", "modern"] {
        for point in ["from-client", "to-client"] {
            assert!(at(&lines, point, text).is_some(), "{point} {text}: {lines:#?}");
        }
    }
}

#[test]
fn what_was_recorded_survives_a_proxy_that_is_killed() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("traffic.jsonl");
    let proxy = Launch::new("echo").flag("--record", &file).start();
    assert_eq!(proxy.send(&Request::mcp(initialize(LATEST))).status, 200);
    wait_for("the answer in the file", || at(&lines(&file), "to-client", "serverInfo").map(drop));
    drop(proxy);
    assert!(at(&lines(&file), "from-client", "initialize").is_some());
}

#[test]
fn a_recording_that_cannot_be_written_is_refused_at_the_start() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("server.py");
    fs::write(&file, "print()\n").expect("a file");
    let finished = Launch::new("echo").flag("--record", &file).run();
    assert_eq!(finished.status.code(), Some(1));
    assert!(finished.stderr.contains("is not a recording"), "{}", finished.stderr);
    assert_eq!(fs::read_to_string(&file).expect("the file"), "print()\n");
}

#[test]
fn servers_of_a_file_are_recorded_under_their_names() {
    let directory = tempfile::tempdir().expect("a directory");
    let (config, file) = (directory.path().join("mcp.json"), directory.path().join("t.jsonl"));
    let fixture = crate::support::fixture();
    let servers = serde_json::json!({ "mcpServers": {
        "one": { "command": fixture, "args": ["echo"] },
        "two": { "command": fixture, "args": ["stderr"] },
    } });
    fs::write(&config, servers.to_string()).expect("a file");
    let proxy = Launch::of(&[]).flag("--config", &config).flag("--record", &file).start();
    let opened = proxy.send(&Request::post("/servers/two/mcp", initialize(LATEST)));
    assert_eq!(opened.status, 200, "{}", opened.text());
    assert_eq!(proxy.terminate().status.code(), Some(0));
    let lines = lines(&file);
    let named = |point: &str, name: &str| {
        lines.iter().any(|line| line["point"] == point && line["name"] == name)
    };
    for (point, name) in [("server", "one"), ("server", "two"), ("from-server", "two")] {
        assert!(named(point, name), "{point} {name}: {lines:#?}");
    }
    let words = lines.iter().find(|line| line["point"] == "stderr").expect("standard error");
    assert_eq!(words["name"], "two");
    let started = lines.iter().find(|line| line["event"]["name"] == "one").expect("a start");
    assert_eq!(started["event"]["what"], "started");
}

/// A limit on the size of files simulates a full disk.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_stops_the_recording_and_not_the_proxy() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("traffic.jsonl");
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$@\"", "sh"]);
    shell.args([env!("CARGO_BIN_EXE_mcp-proxy"), "--record"]).arg(&file);
    let fixture = crate::support::fixture();
    let words = ["--", fixture.to_str().expect("a path"), "echo"];
    let proxy = Launch::without_child(shell).flags(&words).start();
    let session = crate::support::Session::open(&proxy);
    for number in 0..100 {
        let text = "x".repeat(200);
        let answer = session.call("1", "echo", &format!(r#"{{"text":"{text}{number}"}}"#));
        assert!(answer.contains(&format!("{text}{number}")), "{answer}");
    }
    let stderr = proxy.terminate().stderr;
    assert_eq!(stderr.matches("cannot be written").count(), 1, "{stderr}");
    assert!(stderr.contains("the proxy goes on without it"), "{stderr}");
    let text = fs::read_to_string(&file).expect("the recording");
    assert!(text.len() <= 16 * 512 && text.ends_with('\n'), "{} bytes", text.len());
    assert!(lines(&file).len() > 3, "{text}");
}
