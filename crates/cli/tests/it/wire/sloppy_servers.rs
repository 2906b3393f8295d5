//! Servers whose answers violate the specification, but are clear.

use serde_json::{Value, json};

use crate::support::{Launch, Proxy, Request, call, fixture, initialize};

fn start(mode: &str, template: &str) -> Proxy {
    let program = fixture().display().to_string();
    Launch::of(&[&program, mode, template]).start()
}

/// What every client of the fixture receives.
fn assert_served(template: &str, flags: &[&str]) {
    let program = fixture().display().to_string();
    let proxy = Launch::of(&[&program, "sloppy", template]).flags(flags).start();
    let session = proxy.session();
    let answer: Value = serde_json::from_str(&session.call(r#""a""#, "echo", r#"{"text":"hi"}"#))
        .expect("one message");
    let result = json!({ "content": [{ "type": "text", "text": "hi" }] });
    let expected = json!({ "jsonrpc": "2.0", "id": "a", "result": result });
    assert_eq!(answer, expected, "{template}");
}

#[test]
fn answers_that_are_clear_are_understood() {
    for template in [
        r#"{"jsonrpc":"2.0","id":"$ID","result":$RESULT}"#,
        r#"{"jsonrpc":"2.0","id":$ID.0,"result":$RESULT}"#,
        r#"{"jsonrpc":"2.0","id":$IDe0,"result":$RESULT}"#,
        r#"{"jsonrpc":"2.0","id":"$ID.0","result":$RESULT}"#,
        r#"{"jsonrpc":"2.0","id":$ID,"result":$RESULT,"error":null}"#,
        r#"{"jsonrpc":"2.0","id":$ID,"method":null,"params":null,"result":$RESULT,"error":null}"#,
        r#"{"id":$ID,"result":$RESULT}"#,
        r#"{"id":"$ID","result":$RESULT,"error":null}"#,
        r#"{"jsonrpc":null,"id":$ID,"result":$RESULT}"#,
        r#"{"jsonrpc":"1.0","id":$ID,"result":$RESULT,"error":null}"#,
        r#"{"jsonrpc":1.0,"id":$ID,"result":$RESULT}"#,
        r#"{"jsonrpc":"2.1","id":"$ID","result":$RESULT}"#,
        r#"{"id":$ID,"method":"any/method","jsonrpc":"2.0","result":$RESULT}"#,
        r"INFO:root: $LINE",
        "\u{1b}[32m$LINE\u{1b}[0m",
        r"$LINE DEBUG: sent",
        r"[{worker}] $LINE",
        r#"{"level":"info","msg":"sending"} $LINE"#,
        r#"{"level":"info","id":$ID,"msg":"sent"}$LINE{"level":"info"}"#,
        "\u{feff}$LINE",
    ] {
        assert_served(template, &[]);
        assert_served(template, &["--isolation", "session"]);
    }
}

#[test]
fn errors_that_are_clear_reach_their_call() {
    for (template, said) in [
        (
            r#"{"jsonrpc":"2.0","id":$ID,"error":{"code":-32001,"message":"no"},"result":null}"#,
            "no",
        ),
        (r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"no id"}}"#, "no id"),
        (r#"{"jsonrpc":"2.0","error":{"code":-32603,"message":"none"}}"#, "none"),
        (r#"{"error":{"code":-32603,"message":"bare"}}"#, "bare"),
        (r#"{"jsonrpc":"2.0","id":"$ID","error":{"code":-32603,"message":"text"}}"#, "text"),
        (r#"{"jsonrpc":"2.0","id":$ID,"result":{"v":NaN}}"#, "at byte"),
        ("{\"jsonrpc\":\"2.0\",\"id\":$ID,\"result\":{\"t\":\"\u{1}\"}}", "at byte"),
        (r#"{"jsonrpc":"2.0","id":$ID,"result":{"content":[{"text":"cut"#, "at byte"),
        (r#"{"jsonrpc":"2.0","result":{"v":Infinity},"id":$ID}"#, "at byte"),
        (r#"{"jsonrpc":"2.0","id":"$ID","result":{,}}"#, "at byte"),
        (r#"{"jsonrpc":"2.0","id":$ID}"#, "exactly one"),
        (r#"{"jsonrpc":"2.0","id":$ID,"error":null}"#, "exactly one"),
        (r#"{"jsonrpc":"2.0","id":$ID,"error":"disk full"}"#, "disk full"),
        (r#"{"jsonrpc":"1.0","id":$ID,"error":{"message":"no code"}}"#, "no code"),
        (r#"{"Jsonrpc":"2.0","Id":$ID,"Result":{}}"#, "exactly one"),
        ("{'jsonrpc': '2.0', 'id': $ID, 'result': {'isError': False}}", "at byte 1"),
        (r#"{'result': {'text': "it's"}, 'id': '$ID', 'jsonrpc': '2.0'}"#, "at byte 1"),
        ("INFO {'jsonrpc': '2.0', 'id': $ID, 'result': None}", "without double quotes at byte 6"),
        ("{ jsonrpc: '2.0', id: $ID, result: { content: [ [Object] ] } }", "at byte 2"),
        (r#"the end"}],"isError":false},"jsonrpc":"2.0","id":$ID}"#, "beginning is missing"),
    ] {
        let proxy = start("sloppy-calls", template);
        let session = proxy.session();
        let answer = session.call("7", "echo", r#"{"text":"hi"}"#);
        let value: Value = serde_json::from_str(&answer).expect("one message");
        assert_eq!(value["id"], 7, "{template}: {answer}");
        let message = value["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(said), "{template}: {answer}");
    }
}

#[test]
fn an_error_without_an_id_fails_nobody_while_several_calls_are_under_way() {
    let template = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"whose?"}}"#;
    let program = fixture().display().to_string();
    let flags = ["--requestTimeout", "700"];
    let proxy = Launch::of(&[&program, "sloppy-calls", template]).flags(&flags).start();
    let session = proxy.session();
    let both = format!("[{},{}]", call("1", "echo", "{}"), call("2", "echo", "{}"));
    let answers = session.post(both).messages();
    assert!(answers.iter().all(|answer| !answer.contains("whose?")), "{answers:?}");
}

#[test]
fn what_clients_write_is_read_strictly() {
    let proxy = Proxy::of("echo");
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":null}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
        r#"{"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping"} x"#,
        r#"x {"jsonrpc":"2.0","id":1,"method":"ping"}"#,
    ] {
        let session = proxy.session();
        let response = session.post(body);
        assert_eq!(response.status, 400, "{body}: {response:?}");
    }
    assert_eq!(proxy.send(&Request::mcp(initialize("2025-06-18"))).status, 200);
}
