//! Rules around one server, alone and merged.

use serde_json::{Value, json};

use super::scripted::{Endpoint, Server as Scripted, message, names};
use crate::{
    config::{Filter, Pattern, Rules, ToolRules},
    jsonrpc::Message,
    relay::merged::{
        lists::{Kind, Listed},
        ruling::{Ready, Ruling},
        shown::shown,
    },
};

fn filter(allow: &[&str], deny: &[&str]) -> Filter {
    let globs = |all: &[&str]| all.iter().map(|glob| Pattern::Glob((*glob).to_owned())).collect();
    let lists: Vec<Vec<Pattern>> = if allow.is_empty() { Vec::new() } else { vec![globs(allow)] };
    Filter { allow: lists, deny: globs(deny) }
}

/// Two of three tools are seen, one under another name.
fn rules() -> Rules {
    let map = |one: &str, other: &str| [(one.to_owned(), other.to_owned())].into();
    Rules {
        tools: ToolRules {
            filter: filter(&["read_*", "list"], &["*_secret"]),
            rename: map("read_file", "read"),
            describe: map("read", "Reads \"a\" file"),
            arguments: [("read".to_owned(), map("head", "100"))].into(),
        },
        prompts: filter(&[], &["*"]),
        resources: filter(&["file:///open/*"], &[]),
    }
}

fn ruled(method: &str, params: &Value) -> Result<Value, i32> {
    let request = message(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}));
    ruled_message(&request)
}

fn ruled_message(request: &Message) -> Result<Value, i32> {
    match Ready::new(&rules()).rule(request) {
        Ruling::Passes => Ok(Value::Null),
        Ruling::Becomes(message) => {
            let value: Value = serde_json::from_slice(message.bytes()).unwrap();
            Ok(value["params"].clone())
        }
        Ruling::Refused(error) => Err(error.code.number()),
    }
}

#[test]
fn calls_are_judged_as_lists_are() {
    let call = |params| ruled("tools/call", &params);
    let named = |name| call(json!({"name": name}));
    assert_eq!(named("list"), Ok(Value::Null));
    let fixed = json!({"name": "read_file", "arguments": {"head": 100}});
    assert_eq!(named("read"), Ok(fixed));
    let given = call(json!({"name": "read", "arguments": {"path": "p", "head": 5}}));
    let fixed = json!({"name": "read_file", "arguments": {"path": "p", "head": 100}});
    assert_eq!(given, Ok(fixed));
    for hidden in ["read_file", "read_secret", "write", "", "Read"] {
        assert_eq!(named(hidden), Err(-32602), "{hidden}");
    }
    assert_eq!(call(json!({"name": "read", "arguments": [1]})), Err(-32602));
    for (method, params, expected) in [
        ("prompts/get", json!({"name": "p"}), Err(-32602)),
        ("resources/read", json!({"uri": "file:///open/a"}), Ok(Value::Null)),
        ("resources/read", json!({"uri": "file:///shut/a"}), Err(-32602)),
        ("resources/subscribe", json!({"uri": "file:///shut/a"}), Err(-32602)),
        ("vendor/read", json!({"uri": "file:///shut/a"}), Err(-32602)),
        ("completion/complete", json!({"ref": {"name": "p"}}), Err(-32602)),
        ("completion/complete", json!({"ref": {"uri": "file:///shut/a"}}), Err(-32602)),
        ("completion/complete", json!({"ref": {"uri": "file:///open/a"}}), Ok(Value::Null)),
        ("vendor/do", json!({"name": "p"}), Ok(Value::Null)),
        ("Tools/Call", json!({"name": "read_secret"}), Err(-32602)),
        ("tools/call\0", json!({"name": "read_secret"}), Err(-32602)),
        ("resources/read", json!({"uri": ["file:///shut/a"]}), Err(-32602)),
        ("completion/complete", json!({"ref": {"name": ["p"]}}), Err(-32602)),
    ] {
        assert_eq!(ruled(method, &params), expected, "{method} {params}");
    }
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    for params in [
        r#""name":"read_secret","name":"list""#,
        r#""name":"list","Name":"read_secret""#,
        r#""name":"list","n\u0061me":"read_secret""#,
        r#""name":"read","arguments":{"head":1,"head":2}"#,
        r#""name":"read","arguments":{"HEAD":1}"#,
        r#""name":"read","arguments":{},"Arguments":{"head":1}"#,
        r#""name":["read_secret"]"#,
        r#""name":"read_secret\u0000""#,
        r#""name":"read_secret\ud800""#,
        r#""name":" read_secret""#,
    ] {
        let text =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{params}}}}}"#);
        let request = Message::parse(text.into()).unwrap();
        assert_eq!(ruled_message(&request), Err(-32602), "{params}");
    }
}

#[test]
fn lists_show_what_may_be_called() {
    let schema = json!({"type": "object", "required": ["head"],
        "properties": {"path": {"type": "string"}, "head": {"type": "integer"}}});
    let tools = json!([
        {"name": "read_file", "description": "old", "inputSchema": schema},
        {"name": "read_secret"}, {"name": "read"}, {"name": "list", "x": 1}, {"title": "nameless"},
    ]);
    let text = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools, "nextCursor": "n"}});
    let response = message(&text);
    let ready = Ready::new(&rules());
    let changes = shown(&ready, Listed::tools(), &response);
    let edits: Vec<_> = changes.edits().collect();
    let read: Value = serde_json::from_slice(response.rewritten(&edits).bytes()).unwrap();
    let expected = json!([
        {"name": "read", "description": "Reads \"a\" file",
            "inputSchema": {"type": "object", "properties": {"path": {"type": "string"}}}},
        {"name": "list", "x": 1},
    ]);
    assert_eq!(read["result"], json!({"tools": expected, "nextCursor": "n"}));
    let shows = |kind, name| ready.shows(kind, name);
    assert!(!shows(Kind::Prompt, "p") && shows(Kind::Resource, "file:///open/x"));
    assert!(!shows(Kind::Template, "file:///{x}"));
}

#[tokio::test(start_paused = true)]
async fn rules_hold_at_the_merged_endpoint_and_can_be_exchanged() {
    let tools = ["read_file", "read_secret", "list"].map(str::to_owned);
    let server = Scripted::with_tools("a", tools.into_iter());
    let (endpoint, guarded) = Endpoint::guarded(server, &rules());
    let mut client = endpoint.client().await;
    client.initialize().await;
    let result = client.ask("tools/list", json!({})).await;
    assert_eq!(names(&result, "tools"), ["a__read", "a__list"]);
    let result = client.ask("tools/call", json!({"name": "a__read"})).await;
    assert_eq!(result["by"], json!(["a", "read_file"]));
    let error = client.fail("tools/call", json!({"name": "a__read_secret"})).await;
    assert_eq!(error["code"], -32602);
    let result = endpoint.result("tools/call", json!({"name": "a__read"})).await;
    assert_eq!(result["by"], json!(["a", "read_file"]));
    let result = endpoint.result("tools/call", json!({"name": "a__read_secret"})).await;
    assert_eq!(result["code"], -32602);
    guarded.retune(&Rules::default());
    client.hears("notifications/tools/list_changed").await;
    let result = client.ask("tools/list", json!({})).await;
    assert_eq!(names(&result, "tools"), ["a__read_file", "a__read_secret", "a__list"]);
}
