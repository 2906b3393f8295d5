//! Structured content that is not an object, as 2026-07-28 has it (SEP-2106), for clients of every revision.

use serde_json::{Value, json};

use crate::support::{Launch, Modern, Proxy, Session};

/// Tools named by the type of what they return; each says it as structured content, `said` in a text too.
const SERVER: &str = r#"
import json, sys
VALUES = {"object": {"a": 1.0}, "array": [1.0, "x"], "text": "x", "number": 7, "said": [2]}
SCHEMAS = {"object": {"type": "object", "properties": {"a": {"type": "number"}}}, "array": {"type": "array", "items": {"$ref": "\#/$defs/i"}, "$defs": {"i": {}}}, "text": {"type": "string"}, "number": {"type": "integer"}, "said": {"type": "array"}}
for line in sys.stdin:
    m = json.loads(line)
    if "id" not in m: continue
    method, name = m["method"], m.get("params", {}).get("name")
    if method == "server/discover": r = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "n", "version": "1"}}}
    elif method == "tools/list": r = {"tools": [{"name": name, "inputSchema": {"type": "object"}, "outputSchema": schema} for name, schema in SCHEMAS.items()], "ttlMs": 0, "cacheScope": "private"}
    elif method == "tools/call": r = {"content": [{"type": "text", "text": "two"}] if name == "said" else [], "structuredContent": VALUES[name]}
    else: r = {}
    print(json.dumps({"jsonrpc": "2.0", "id": m["id"], "result": {"resultType": "complete", **r}}), flush=True)
"#;

const ISOLATION: [&[&str]; 2] = [&[], &["--isolation", "session"]];

fn launch(flags: &[&str]) -> Proxy {
    let server = SERVER.replace("\\#", "#");
    let server = Launch::of(&["python3", "-c", &server]).flags(&["--upstreamProtocol", "modern"]);
    server.flags(flags).start()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("a message")
}

#[test]
fn an_older_client_gets_an_object_and_a_text_and_a_schema_that_fits() {
    for (flags, version) in ISOLATION.into_iter().zip(["2025-06-18", "2025-11-25"]) {
        let proxy = launch(flags);
        let session = Session::open_as(&proxy, version);
        let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        let tools = parsed(&session.post(list).message())["result"]["tools"].clone();
        for (tool, structured, text) in [
            ("object", json!({ "a": 1.0 }), None),
            ("array", json!({ "result": [1.0, "x"] }), Some("[1.0, \"x\"]")),
            ("text", json!({ "result": "x" }), Some("\"x\"")),
            ("number", json!({ "result": 7 }), Some("7")),
            ("said", json!({ "result": [2] }), Some("two")),
        ] {
            let answer = parsed(&session.call("2", tool, "{}"));
            let result = &answer["result"];
            assert_eq!(result["structuredContent"], structured, "{version}: {answer}");
            let texts: Vec<Option<&str>> = result["content"]
                .as_array()
                .expect("content")
                .iter()
                .map(|block| block["text"].as_str())
                .collect();
            assert_eq!(texts, text.map(Some).into_iter().collect::<Vec<_>>(), "{answer}");
            let named = tools.as_array().expect("tools").iter().find(|one| one["name"] == tool);
            let schema = &named.expect("the tool")["outputSchema"];
            assert_eq!(schema["type"], "object", "{tool}: {schema}");
            let wrapped = schema["properties"].get("result");
            assert_eq!(wrapped.is_some(), tool != "object", "{tool}: {schema}");
            if tool == "array" {
                let items = &schema["properties"]["result"]["items"]["$ref"];
                assert_eq!(items, "#/properties/result/$defs/i", "{schema}");
            }
        }
    }
}

#[test]
fn a_client_of_its_own_era_gets_what_the_server_says() {
    let proxy = launch(&[]);
    for (tool, structured) in [("array", json!([1.0, "x"])), ("text", json!("x"))] {
        let answer = parsed(&Modern::call(tool, "{}").send(&proxy).message());
        assert_eq!(answer["result"]["structuredContent"], structured, "{answer}");
        assert_eq!(answer["result"]["content"], json!([]), "{answer}");
    }
}
