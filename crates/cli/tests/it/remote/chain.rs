//! Proxies in front of proxies: the far end receives what the server wrote, byte for byte.

use super::{
    client::Client,
    modern::MODERN,
    support::{Direct, Launch, Modern, Proxy, call, initialize},
};
use serde_json::json;

/// `stdio → HTTP → stdio → HTTP` and the server: four processes of ours, each with one hop.
struct Chain {
    client: Client,
    /// From the client's side to the server's.
    _proxies: [Proxy; 2],
}

impl Chain {
    fn before(mode: &str) -> Self {
        let own = ["--isolation", "session"];
        let far = Launch::new(mode).flags(&own).start();
        let binary = env!("CARGO_BIN_EXE_mcp-proxy");
        let near = Launch::of(&[binary, &url(&far)]).flags(&own).start();
        Self { client: Client::of(&url(&near)), _proxies: [near, far] }
    }

    /// The same with 2026-07-28 everywhere between the client and the server: the first proxy
    /// translates for its client, the last one for its server.
    fn of_the_newer_era(mode: &str) -> Self {
        let far = Launch::new(mode).flags(&["--isolation", "session"]).start();
        let near = Launch::of(&[&url(&far)]).flags(&MODERN).start();
        Self { client: Client::with(&url(&near), &MODERN), _proxies: [near, far] }
    }
}

fn url(proxy: &Proxy) -> String {
    format!("http://127.0.0.1:{}/mcp", proxy.port)
}

const VERSIONS: [&str; 2] = ["2025-11-25", "2025-03-26"];

/// Sends every line both ways and compares everything that comes back.
fn assert_equal(mode: &str, lines: &[String]) {
    let mut chain = Chain::before(mode).client_after_handshake();
    let mut direct = Direct::of(mode);
    for line in lines {
        direct.send(line);
        chain.client.send(line);
        loop {
            let expected = direct.line();
            let got = chain.client.line();
            assert!(got == expected, "{mode}: {line:.200}\ngot {got:.300}\nnot {expected:.300}");
            if !expected.contains("\"method\":\"notifications/") {
                break;
            }
        }
    }
}

impl Chain {
    fn client_after_handshake(mut self) -> Self {
        let answer = self.client.ask(&initialize(VERSIONS[0]));
        assert!(answer["result"].is_object(), "{answer}");
        self.client.send(super::client::INITIALIZED);
        self
    }
}

#[test]
fn the_handshake_is_the_server_s_own() {
    for version in VERSIONS {
        let mut chain = Chain::before("echo");
        chain.client.send(&initialize(version));
        let mut direct = Direct::of("echo");
        assert_eq!(chain.client.line(), direct.ask(&initialize(version)), "{version}");
    }
}

#[test]
fn what_a_typed_middleman_would_change_arrives_as_it_was() {
    let lines: Vec<String> = ["1.0", "\"1\"", "-0", "9007199254740993", r#""\u00e4\/""#]
        .into_iter()
        .flat_map(|id| {
            [
                format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list"}}"#),
                format!(
                    r#"{{ "id" : {id},"vendor":[1.50,1e2],"method":"vendor/thing","params":{{"b":1,"a":12345678901234567890}},"jsonrpc":"2.0"}}"#
                ),
                call(id, "echo", r#"{"text":"\u0000\ud83d\ude00 \/"}"#),
            ]
        })
        .collect();
    assert_equal("echo", &lines);
    assert_equal("scripted", &lines);
}

#[test]
fn progress_comes_before_its_result_under_the_client_s_token() {
    let line = r#"{"jsonrpc":"2.0","id":"p","method":"tools/call","params":{"name":"work","arguments":{},"_meta":{"progressToken":"own-1"}}}"#;
    assert_equal("progress 25", &[line.to_owned()]);
}

#[test]
fn a_question_crosses_the_whole_chain_and_so_does_its_answer() {
    let mut chain = Chain::before("asks").client_after_handshake();
    let arguments = r#"{"method":"sampling/createMessage","params":{"x":1.0}}"#;
    chain.client.send(&call("1", "ask", arguments));
    let question = chain.client.message();
    assert_eq!(question["method"], "sampling/createMessage", "{question}");
    let id = &question["id"];
    chain.client.send(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"n":1.50}}}}"#));
    let answer = chain.client.line();
    assert!(answer.contains(r#"{"result":{"n":1.50}}"#), "{answer}");
}

#[test]
fn what_changes_its_era_twice_says_what_it_said() {
    let mut chain = Chain::of_the_newer_era("echo").client_after_handshake();
    for id in ["1.0", "\"1\"", "9007199254740993"] {
        let text = r#""text":"\u0000\ud83d\ude00 \/""#;
        let answer = chain.client.ask_line(&call(id, "echo", &format!("{{{text}}}")));
        assert_eq!(
            answer,
            format!(
                r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text",{text}}}]}}}}"#
            )
        );
    }
    let mut chain = Chain::of_the_newer_era("progress 25").client_after_handshake();
    chain.client.send(r#"{"jsonrpc":"2.0","id":"p","method":"tools/call","params":{"name":"work","arguments":{},"_meta":{"progressToken":"own-1"}}}"#);
    for step in 1..=25 {
        let progress = chain.client.message();
        assert_eq!(progress["params"]["progressToken"], "own-1", "{step}: {progress}");
    }
    assert_eq!(chain.client.message()["id"], "p");
}

#[test]
fn a_question_changes_its_era_twice_and_so_does_its_answer() {
    let mut chain = Chain::of_the_newer_era("asks");
    let able = r#""capabilities":{"sampling":{}}"#;
    chain.client.ask(&initialize(VERSIONS[0]).replace(r#""capabilities":{}"#, able));
    chain.client.send(super::client::INITIALIZED);
    let arguments = r#"{"method":"sampling/createMessage","params":{"messages":[],"x":1.0}}"#;
    chain.client.send(&call("1", "ask", arguments));
    let question = chain.client.line();
    assert!(question.contains(r#""method":"sampling/createMessage""#), "{question}");
    assert!(question.contains(r#""x":1.0"#), "{question}");
    let question: serde_json::Value = serde_json::from_str(&question).expect("a message");
    let id = &question["id"];
    chain.client.send(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"n":1.50}}}}"#));
    let answer = chain.client.line();
    assert!(answer.contains(r#"{"n":1.50}"#), "{answer}");
}

#[test]
fn a_client_of_the_newer_era_speaks_it_over_stdio_before_servers_of_either() {
    for mut chain in [Chain::before("echo"), Chain::of_the_newer_era("echo")] {
        let discovered = chain.client.ask(&Modern::new("server/discover").id("0").body());
        assert_eq!(discovered["result"]["supportedVersions"], json!(["2026-07-28"]));
        let echo = Modern::call("echo", r#"{"text":"x"}"#).id("\"a\"");
        let answer = chain.client.ask(&echo.body());
        assert_eq!(
            (&answer["id"], &answer["result"]["resultType"]),
            (&json!("a"), &json!("complete"))
        );
        assert_eq!(answer["result"]["content"][0]["text"], "x");
    }
    let mut chain = Chain::before("asks");
    let ask = || Modern::call("ask", r#"{"method":"roots/list"}"#).capabilities(r#"{"roots":{}}"#);
    let asked = chain.client.ask(&ask().body());
    assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
    let answers = json!({"r1": {"roots": []}});
    let state = &asked["result"]["requestState"];
    let retry =
        ask().id("2").params(&format!(r#""inputResponses":{answers},"requestState":{state}"#));
    let answer = chain.client.ask(&retry.body());
    assert_eq!((&answer["id"], &answer["result"]["resultType"]), (&json!(2), &json!("complete")));
}

#[test]
fn a_megabyte_crosses_unchanged() {
    let text = "0123456789abcdef".repeat(64 * 1024);
    assert_equal("echo", &[call("1", "echo", &format!(r#"{{"text":"{text}"}}"#))]);
}

#[test]
fn rules_for_tools_hold_for_a_url_on_standard_streams() {
    let server = Proxy::of("echo");
    for (flags, shown) in [
        (&[][..], &["echo", "pid"][..]),
        (&["--ignoreTool", "p*"], &["echo"]),
        (&["--ignoreTool", "echo,pid"], &[]),
        (&["--allowTool", "pid"], &["pid"]),
        (&["--allowTool", "*", "--ignoreTool", "e?ho"], &["pid"]),
    ] {
        let mut client = Client::greeted(&url(&server), flags);
        let list = client.ask(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
        let tools = list["result"]["tools"].as_array().expect("tools");
        let names: Vec<_> =
            tools.iter().map(|tool| tool["name"].as_str().unwrap_or_default()).collect();
        assert_eq!(names, shown, "{flags:?}");
        for name in ["echo", "pid"] {
            let answer = client.ask(&call("2", name, r#"{"text":"hi"}"#));
            assert_eq!(answer["result"].is_object(), shown.contains(&name), "{flags:?} {answer}");
        }
    }
}
