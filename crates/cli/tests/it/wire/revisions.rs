//! Servers that refuse the newest handshake revision, each in its own words, where every client has
//! a server to itself.

use serde_json::Value;

use crate::support::{Launch, Modern, Proxy, Request, call};

/// A server that knows these revisions, refuses others with this error, and tells in its answer to
/// a call which ones it was asked for.
const SERVER: &str = r#"
import sys, json
known, error = sys.argv[1].split(","), json.loads(sys.argv[2])
asked = []
for line in sys.stdin:
    m = json.loads(line)
    if "id" not in m: continue
    answer = {"jsonrpc": "2.0", "id": m["id"]}
    if m["method"] == "initialize":
        version = m["params"]["protocolVersion"]
        asked.append(version)
        if version in known:
            answer["result"] = {"protocolVersion": version, "capabilities": {"tools": {}},
                "serverInfo": {"name": m["params"]["clientInfo"]["name"], "version": "1"}}
        else:
            answer["error"] = error
    elif m["method"] == "tools/list":
        answer["result"] = {"tools": [{"name": "t", "inputSchema": {"type": "object"}}]}
    else:
        answer["result"] = {"content": [{"type": "text", "text": " ".join(asked)}]}
    print(json.dumps(answer), flush=True)
"#;

fn proxy(known: &str, error: &str) -> Proxy {
    Launch::of(&["python3", "-c", SERVER, known, error]).flags(&["--isolation", "session"]).start()
}

fn initialize(proxy: &Proxy) -> (Value, Option<String>) {
    let text = r#"{"jsonrpc":"2.0","id":"mine","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"me","version":"1"}}}"#;
    let response = proxy.send(&Request::post("/mcp", text));
    let id = response.header("mcp-session-id").map(str::to_owned);
    (serde_json::from_str(&response.message()).expect("a message"), id)
}

const NAMES: &str = r#"{"code":-32602,"message":"Unsupported protocol version","data":{"supported":["2024-11-05"]}}"#;

#[test]
fn an_older_revision_is_tried_for_each_client() {
    for (known, error, tried) in [
        ("2024-11-05", NAMES, "2025-11-25 2024-11-05"),
        ("2025-06-18", r#"{"code":-32022,"message":"use 2025-06-18"}"#, "2025-11-25 2025-06-18"),
        ("2025-03-26", r#"{"code":-32602,"message":"bad"}"#, "2025-11-25 2025-03-26"),
        (
            "2024-11-05",
            r#"{"code":-32600,"message":"protocol?"}"#,
            "2025-11-25 2025-03-26 2024-11-05",
        ),
    ] {
        let proxy = proxy(known, error);
        let (answer, session) = initialize(&proxy);
        assert_eq!(answer["id"], "mine", "{answer}");
        assert_eq!(answer["result"]["protocolVersion"], known, "{answer}");
        assert_eq!(answer["result"]["serverInfo"]["name"], "me", "{answer}");
        let request = Request::post("/mcp", call("7", "t", "{}"))
            .header("mcp-session-id", session.as_deref().expect("a session"));
        let text = proxy.send(&request).message();
        assert!(text.contains(&format!("\"{tried}\"")), "{text}");

        let modern = Modern::new("tools/list").send(&proxy).message();
        assert!(modern.contains("\"name\": \"t\""), "{modern}");
    }
}

#[test]
fn what_no_revision_mends_is_answered_with_the_refusal() {
    for error in [NAMES, r#"{"code":-32000,"message":"the API key is missing"}"#] {
        let proxy = proxy("none", error);
        let (answer, _) = initialize(&proxy);
        let expected: Value = serde_json::from_str(error).expect("an error");
        assert_eq!((&answer["id"], &answer["error"]), (&"mine".into(), &expected), "{answer}");
    }
}
