//! `--call`, `--list` and `--read`: the output on each stream, and how the process ends.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::support::{Launch, fixture};

const SUCCESS: i32 = 0;
const USAGE: i32 = 1;
const REFUSED: i32 = 2;
const UNAUTHORIZED: i32 = 3;
const UNREACHED: i32 = 4;
const TOOL_FAILED: i32 = 5;

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-proxy"));
    command.args(words).stdin(Stdio::null());
    command
}

/// The command with these flags against the fixture in this mode.
fn ask(flags: &[&str], mode: &[&str]) -> Output {
    let fixture = fixture().display().to_string();
    let words = [flags, &["--", &fixture], mode].concat();
    command(&words).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("output is text")
}

#[track_caller]
fn ends(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
}

/// A server that gives this answer to each call.
fn answering(flags: &[&str], result: &str) -> Output {
    let template = format!(r#"{{"jsonrpc":"2.0","id":$ID,"result":{result}}}"#);
    ask(flags, &["sloppy-calls", &template])
}

#[test]
fn the_result_of_a_call_is_all_that_standard_output_has() {
    for flags in [&["--call", "echo", "text=five"][..], &["--call", "echo", r#"{"text":"five"}"#]] {
        let output = ask(flags, &["echo"]);
        ends(&output, SUCCESS);
        assert_eq!((text(&output.stdout), text(&output.stderr)), ("five\n", ""));
    }
    let output = ask(&["--json", "--call", "echo", "text=five"], &["echo"]);
    let result: Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!(result["content"][0]["text"], "five");
}

#[test]
fn without_a_separator_the_command_begins_where_no_argument_is() {
    let fixture = fixture().display().to_string();
    let output = command(&["--call", "echo", "text=a=b", &fixture, "echo"]).output().unwrap();
    ends(&output, SUCCESS);
    assert_eq!(text(&output.stdout), "a=b\n");
}

#[test]
fn arguments_come_from_standard_input_too() {
    let fixture = fixture().display().to_string();
    let mut child = command(&["--call", "echo", "-", "--", &fixture, "echo"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(br#"{"text":"from far"}"#).unwrap();
    assert_eq!(text(&child.wait_with_output().unwrap().stdout), "from far\n");
}

#[test]
fn a_tool_that_fails_leaves_standard_output_empty() {
    let result = r#"{"content":[{"type":"text","text":"no\u001b[2J such file"}],"isError":true}"#;
    let output = answering(&["--call", "echo", "text=x"], result);
    ends(&output, TOOL_FAILED);
    assert_eq!(text(&output.stdout), "");
    assert_eq!(text(&output.stderr), "the tool echo failed: no\u{fffd}[2J such file\n");
    let output = answering(&["--json", "--call", "echo", "text=x"], result);
    ends(&output, TOOL_FAILED);
    assert!(text(&output.stdout).contains("\"isError\":true"));
}

#[test]
fn an_image_is_in_a_file_that_was_not_there() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("echo-1.png"), "mine").unwrap();
    let template = r#"{"jsonrpc":"2.0","id":$ID,"result":{"content":[{"type":"image","mimeType":"image/png","data":"aGk="}]}}"#;
    let fixture = fixture().display().to_string();
    let output = command(&["--call", "echo", "text=x", "--", &fixture, "sloppy-calls", template])
        .current_dir(directory.path())
        .output()
        .unwrap();
    ends(&output, SUCCESS);
    let read = |name| std::fs::read(directory.path().join(Path::new(name))).unwrap();
    assert_eq!((read("echo-1.png"), read("echo-2.png")), (b"mine".to_vec(), b"hi".to_vec()));
    assert!(text(&output.stderr).starts_with("image/png (2 bytes) is in "));
}

#[test]
fn errors_of_the_server_and_of_the_command_line_are_told_apart() {
    let error = r#"{"jsonrpc":"2.0","id":$ID,"error":{"code":-32602,"message":"not so","data":7}}"#;
    let output = ask(&["--call", "echo", "text=x"], &["sloppy-calls", error]);
    ends(&output, REFUSED);
    assert_eq!(text(&output.stderr), "Error: not so (error -32602)\n");
    let output = ask(&["--json", "--call", "echo", "text=x"], &["sloppy-calls", error]);
    let said: Value = serde_json::from_slice(&output.stderr).expect("one line of JSON");
    assert_eq!(said["error"]["kind"], "protocol");
    assert_eq!((&said["error"]["code"], &said["error"]["data"]), (&(-32602).into(), &7.into()));
    for (flags, said) in [
        (&["--call", "ecko"][..], "Error: the server has no tool \"ecko\"; did you mean echo?\n"),
        (&["--call", "echo", "word"], "Error: --call: \"word\" is not an argument"),
        (&["--call", "echo", "--list"], "Error: --list and --call cannot be used together.\n"),
        (&["--read", "x:y", "--signOut"], "Error: --read and --signOut cannot be used together.\n"),
        (&["--call"], "Error: --call needs a value\n"),
    ] {
        let output = ask(flags, &["echo"]);
        ends(&output, USAGE);
        assert_eq!(text(&output.stdout), "", "{flags:?}");
        assert!(text(&output.stderr).starts_with(said), "{flags:?}: {}", text(&output.stderr));
    }
}

#[test]
fn a_server_that_is_not_there_or_goes_is_unreachable() {
    for (mode, said) in [
        (&["exit", "3"][..], "exited with code 3 before it answered \"initialize\""),
        (&["exit-after", "1"], "exited with code 3"),
    ] {
        let output = ask(&["--call", "echo", "text=x"], mode);
        ends(&output, UNREACHED);
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    }
    let output = ask(&["--list", "--connectionTimeout", "100"], &["silent"]);
    ends(&output, UNREACHED);
    let output = command(&["--list", "--", "no-such-program-anywhere"]).output().unwrap();
    ends(&output, UNREACHED);
    assert!(text(&output.stderr).contains("command not found"));
}

#[test]
fn a_list_is_for_people_or_one_document() {
    let output = ask(&["--list"], &["echo"]);
    ends(&output, SUCCESS);
    assert!(text(&output.stdout).contains("\nTools ("), "{}", text(&output.stdout));
    let output = ask(&["--list", "--json"], &["echo"]);
    let all: Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert!(all["serverInfo"]["name"].is_string());
    assert!(all["tools"].as_array().unwrap().iter().any(|tool| tool["name"] == "echo"));
}

#[test]
fn the_words_of_a_server_are_shown_to_who_asks_for_them() {
    let output = ask(&["--call", "echo", "text=x"], &["stderr"]);
    assert_eq!(text(&output.stderr), "");
    let output = ask(&["--logLevel", "info", "--call", "echo", "text=x"], &["stderr"]);
    assert_ne!(text(&output.stderr), "");
    assert_eq!(text(&output.stdout), "x\n");
}

#[cfg(unix)]
#[test]
fn a_remote_server_is_asked_in_the_same_way() {
    let proxy = Launch::new("echo").flags(&["--apiKey", "key"]).start();
    let url = format!("http://127.0.0.1:{}/mcp", proxy.port);
    let call = ["--call", "echo", "text=there", &url, "--no-oauth"];
    let output = command(&[&call[..], &["--header", "X-API-Key: key"]].concat()).output().unwrap();
    ends(&output, SUCCESS);
    assert_eq!(text(&output.stdout), "there\n");
    ends(&command(&call).output().unwrap(), UNAUTHORIZED);
    drop(proxy);
    ends(&command(&call).output().unwrap(), UNREACHED);
}

#[test]
fn a_file_of_servers_is_asked_as_one() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("mcp.json");
    let fixture = fixture().display().to_string();
    let servers = serde_json::json!({ "mcpServers": {
        "one": { "command": fixture, "args": ["echo"] },
        "two": { "command": fixture, "args": ["exit", "3"] },
        "three": { "command": fixture, "args": ["echo"] },
    } });
    std::fs::write(&file, servers.to_string()).unwrap();
    let file = file.display().to_string();
    let output =
        command(&["--config", &file, "--call", "three__echo", "text=hi"]).output().unwrap();
    ends(&output, SUCCESS);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("hi\n", ""));
    let output = command(&["--config", &file, "--list"]).output().unwrap();
    ends(&output, SUCCESS);
    for name in ["one__echo", "three__echo"] {
        assert!(text(&output.stdout).contains(name), "{}", text(&output.stdout));
    }
    assert!(text(&output.stderr).contains("two: "), "{}", text(&output.stderr));
}
