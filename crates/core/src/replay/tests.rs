use std::{fs, future::pending, path::PathBuf};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, duplex, split};

use super::*;

const HEADER: &str = r#"{"format":"mcp-proxy-recording","version":1,"started":"2026-01-01T00:00:00.000Z","proxy":"7.0.0","part":1,"redacted":true}"#;

/// A recording of these messages: `>` is from a client, `<` is to it.
fn recorded(directory: &tempfile::TempDir, messages: &[(char, Value)]) -> PathBuf {
    let mut text = format!("{HEADER}\n");
    for (number, (direction, message)) in messages.iter().enumerate() {
        let point = if *direction == '>' { "from-client" } else { "to-client" };
        let line = json!({
            "n": number, "t": number * 1_000_000, "point": point, "session": "00000001", "stream": 1,
            "text": message.to_string(),
        });
        text.push_str(&line.to_string());
        text.push('\n');
    }
    let file = directory.path().join("recording.jsonl");
    fs::write(&file, text).unwrap();
    file
}

fn call(id: u32, text: &str) -> (char, Value) {
    let params =
        json!({ "name": "echo", "arguments": { "text": text }, "_meta": { "progressToken": id } });
    ('>', json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }))
}

fn result(id: u32, text: &str) -> (char, Value) {
    ('<', json!({ "jsonrpc": "2.0", "id": id, "result": { "text": text } }))
}

/// What a client that sends these lines receives; waits for `wanted` lines.
async fn played(player: &Player, lines: &[Value], wanted: usize) -> Vec<Value> {
    let (near, far) = duplex(64 * 1024);
    let player = player.clone();
    let serving = tokio::spawn(async move { player.run(split(far), pending()).await });
    let (input, mut output) = split(near);
    let mut read = BufReader::new(input).lines();
    let mut got = Vec::new();
    for line in lines {
        output.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }
    while got.len() < wanted {
        let line = read.next_line().await.unwrap().expect("a line");
        let message: Value = serde_json::from_str(&line).unwrap();
        if message["method"] == "elicitation/create" {
            let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": {} });
            output.write_all(format!("{answer}\n").as_bytes()).await.unwrap();
        }
        got.push(message);
    }
    drop(output);
    serving.abort();
    got
}

fn request(id: &Value, text: &str) -> Value {
    let params = json!({ "arguments": { "text": text }, "name": "echo", "_meta": { "progressToken": "new" } });
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
}

#[tokio::test]
async fn ids_and_progress_tokens_are_those_of_the_client() {
    let directory = tempfile::tempdir().unwrap();
    let progress = json!({ "jsonrpc": "2.0", "method": "notifications/progress",
        "params": { "progressToken": 5, "progress": 1 } });
    let file = recorded(&directory, &[call(5, "a"), ('<', progress), result(5, "answer")]);
    let player = Player::load(&file, &[], 0.0).unwrap();
    let got = played(&player, &[request(&json!("x"), "a")], 2).await;
    assert_eq!(got[0]["params"]["progressToken"], "new");
    assert_eq!((&got[1]["id"], &got[1]["result"]["text"]), (&json!("x"), &json!("answer")));
}

#[tokio::test]
async fn calls_that_are_alike_are_answered_in_turn_and_the_last_again() {
    let directory = tempfile::tempdir().unwrap();
    let messages = [call(1, "a"), result(1, "first"), call(2, "a"), result(2, "second")];
    let player = Player::load(&recorded(&directory, &messages), &[], 0.0).unwrap();
    let mut texts = Vec::new();
    for id in 1..=3 {
        texts.push(
            played(&player, &[request(&json!(id), "a")], 1).await[0]["result"]["text"].clone(),
        );
    }
    assert_eq!(texts, ["first", "second", "second"]);
}

#[tokio::test]
async fn an_unknown_call_is_told_where_the_nearest_differs() {
    let directory = tempfile::tempdir().unwrap();
    let messages = [call(1, "a"), result(1, "x"), call(2, "[redacted]"), result(2, "y")];
    let file = recorded(&directory, &messages[..2]);
    let player = Player::load(&file, &[], 0.0).unwrap();
    let got = played(&player, &[request(&json!(1), "b")], 1).await;
    let error = &got[0]["error"];
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains(r#"at /arguments/text it has "a", and the request has "b""#),
        "{message}"
    );
    assert_eq!(error["data"]["nearest"]["arguments"]["text"], "a");
    let other = json!({ "jsonrpc": "2.0", "id": 2, "method": "prompts/list" });
    let got = played(&player, &[other], 1).await;
    assert!(
        got[0]["error"]["message"].as_str().unwrap().contains("it contains tools/call"),
        "{got:?}"
    );
    let ignoring = Player::load(&file, &["text".to_owned()], 0.0).unwrap();
    assert_eq!(played(&ignoring, &[request(&json!(1), "b")], 1).await[0]["result"]["text"], "x");
    // Secrets that were removed may have had any value.
    let player = Player::load(&recorded(&directory, &messages), &[], 0.0).unwrap();
    assert_eq!(played(&player, &[request(&json!(1), "b")], 1).await[0]["result"]["text"], "y");
}

#[tokio::test]
async fn a_question_waits_for_its_answer() {
    let directory = tempfile::tempdir().unwrap();
    let question =
        json!({ "jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": {} });
    let answer = json!({ "jsonrpc": "2.0", "id": "q", "result": { "action": "accept" } });
    let messages = [call(1, "a"), ('<', question), ('>', answer), result(1, "done")];
    let player = Player::load(&recorded(&directory, &messages), &[], 0.0).unwrap();
    let got = played(&player, &[request(&json!(7), "a")], 2).await;
    assert_eq!((&got[0]["method"], &got[1]["id"]), (&json!("elicitation/create"), &json!(7)));
    assert_ne!(got[0]["id"], "q");
}

#[tokio::test(start_paused = true)]
async fn the_pauses_are_those_of_the_recording_or_shorter() {
    let directory = tempfile::tempdir().unwrap();
    let mut messages = vec![call(1, "a")];
    messages
        .extend((0..1000).map(|_| ('>', json!({ "jsonrpc": "2.0", "method": "notifications/x" }))));
    messages.push(result(1, "late"));
    let file = recorded(&directory, &messages);
    for (speed, least, most) in [(1.0, 1000, 1100), (10.0, 100, 200), (0.0, 0, 10)] {
        let player = Player::load(&file, &[], speed).unwrap();
        let began = tokio::time::Instant::now();
        played(&player, &[request(&json!(1), "a")], 1).await;
        let took = began.elapsed().as_millis();
        assert!((least..=most).contains(&took), "{speed}: {took} ms");
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_a_reason() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("recording.jsonl");
    let refused = |text: &str| {
        fs::write(&file, text).unwrap();
        Player::load(&file, &[], 0.0).unwrap_err().to_string()
    };
    let line = r#"{"n":0,"t":0,"point":"from-client","text":"{\"id\":1,\"method\":\"ping\"}"}"#;
    for (text, expected) in [
        (String::new(), "does not say"),
        ("print()\n".to_owned(), "does not say"),
        (HEADER.replace("recording", "other"), "does not say"),
        (HEADER.replace(r#""version":1"#, r#""version":9"#), "version 9"),
        (format!("{HEADER}\n"), "no call"),
        (format!("{HEADER}\n{{\n{line}\n"), "line 2"),
        (format!("{HEADER}\n{line}\n{{\"n\":"), ""),
    ] {
        if expected.is_empty() {
            fs::write(&file, &text).unwrap();
            assert!(Player::load(&file, &[], 0.0).is_ok(), "{text}");
        } else {
            let error = refused(&text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
    let missing = Player::load(&directory.path().join("none"), &[], 0.0).unwrap_err();
    assert!(missing.to_string().contains("cannot read"), "{missing}");
}

#[tokio::test]
async fn whatever_a_recording_holds_nothing_breaks() {
    let directory = tempfile::tempdir().unwrap();
    let values = [
        json!(null),
        json!(5),
        json!("x"),
        json!([]),
        json!([[1]]),
        json!({ "id": {} }),
        json!({ "method": 5, "id": 1 }),
        json!({ "id": 1, "result": 1 }),
        json!({ "id": 1, "method": "m", "params": [1, 2] }),
    ];
    let mut messages: Vec<_> =
        values.iter().flat_map(|it| [('>', it.clone()), ('<', it.clone())]).collect();
    messages.extend([call(1, "a"), result(1, "ok")]);
    let player = Player::load(&recorded(&directory, &messages), &[], 0.0).unwrap();
    let mut lines = values.to_vec();
    lines.push(request(&json!("last"), "a"));
    let (near, far) = duplex(64 * 1024);
    tokio::spawn(async move { player.run(split(far), pending()).await });
    let (input, mut output) = split(near);
    output.write_all(b"not json\n\xff\n").await.unwrap();
    for line in lines {
        output.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }
    let mut read = BufReader::new(input).lines();
    while let Some(line) = read.next_line().await.unwrap() {
        if line.contains(r#""id":"last""#) {
            assert!(line.contains(r#""text":"ok""#), "{line}");
            return;
        }
    }
    panic!("no answer");
}
