//! `--allowTool` and `--ignoreTool`: tools that are hidden from lists cannot be called.

use serde_json::Value;

use crate::support::{Launch, Modern, Proxy, call};

/// A server with these tools, each of which answers with its name.
const SERVER: &str = r#"
import json, sys
names = ["get_one", "get_two", "delete_one", "delete", "deleted", "a,b", "Get_one", "*"]
for line in sys.stdin:
    m = json.loads(line)
    i, method = m.get("id"), m["method"]
    if i is None: continue
    if method == "initialize": r = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "n", "version": "1"}}
    elif method == "tools/list": r = {"tools": [{"name": n, "inputSchema": {"type": "object"}} for n in names]}
    elif method == "tools/call": r = {"content": [{"type": "text", "text": "ran " + m["params"]["name"]}]}
    else: r = {}
    print(json.dumps({"jsonrpc": "2.0", "id": i, "result": r}), flush=True)
"#;

const ALL: [&str; 8] =
    ["get_one", "get_two", "delete_one", "delete", "deleted", "a,b", "Get_one", "*"];

fn names(list: &str) -> Vec<String> {
    let list: Value = serde_json::from_str(list).expect("a message");
    let tools = list["result"]["tools"].as_array().expect("tools").clone();
    tools.iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn what_is_not_listed_cannot_be_called() {
    for (flags, shown) in [
        (&[][..], &ALL[..]),
        (&["--ignoreTool", "delete*"], &["get_one", "get_two", "a,b", "Get_one", "*"]),
        (
            &["--ignore-tool", "delete"],
            &["get_one", "get_two", "delete_one", "deleted", "a,b", "Get_one", "*"],
        ),
        (
            &["--ignoreTool", "delete?"],
            &["get_one", "get_two", "delete_one", "delete", "a,b", "Get_one", "*"],
        ),
        (&["--ignoreTool", "delete*,get_two"], &["get_one", "a,b", "Get_one", "*"]),
        (&["--ignoreTool", "delete*", "--ignoreTool", "get_*"], &["a,b", "*"]),
        // A server may know a tool by its name in any case.
        (&["--ignoreTool", "GET_ONE,delete*"], &["get_two", "a,b", "*"]),
        (&["--ignoreTool", "*"], &[]),
        (&["--allowTool", "get_*"], &["get_one", "get_two"]),
        (&["--allowTool", "get_one, delete"], &["get_one", "delete"]),
        (&["--allowTool=get_*", "--ignoreTool=*two"], &["get_one"]),
        (&["--allow-tool", "*one", "--ignore-tool", "delete*"], &["get_one", "Get_one"]),
        (&["--allowTool", "nothing"], &[]),
        (&["--allowTool", ""], &[]),
        (&["--isolation", "session", "--allowTool", "get_*"], &["get_one", "get_two"]),
    ] {
        let proxy = Launch::of(&["python3", "-c", SERVER]).flags(flags).start();
        let session = proxy.session();
        let list = session.post(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#).message();
        assert_eq!(names(&list), shown, "{flags:?}");
        let modern = Modern::new("tools/list").send(&proxy).message();
        assert_eq!(names(&modern), shown, "{flags:?}");
        for name in ALL {
            let answer = session.post(call("2", name, "{}")).message();
            let ran = answer.contains(&format!("ran {name}"));
            assert_eq!(ran, shown.contains(&name), "{flags:?} {name}: {answer}");
            let answer = modern_call(&proxy, name);
            let ran = answer.contains(&format!("ran {name}"));
            assert_eq!(ran, shown.contains(&name), "{flags:?} {name}: {answer}");
        }
    }
}

fn modern_call(proxy: &Proxy, name: &str) -> String {
    Modern::call(name, "{}").send(proxy).message()
}

#[test]
fn results_that_can_be_cached_say_so_in_extensions_too() {
    let proxy = Launch::of(&["python3", "-c", SERVER]).start();
    for (method, hinted) in [
        ("tools/list", true),
        ("prompts/list", true),
        ("resources/list", true),
        ("resources/templates/list", true),
        ("skills/list", true),
        ("skills/get", true),
        ("resources/directory/read", true),
        ("vendor/things/list", true),
        ("completion/complete", false),
        ("vendor/do", false),
    ] {
        let answer = Modern::new(method).send(&proxy);
        let answer: Value = serde_json::from_str(&answer.message()).expect("a message");
        let result = &answer["result"];
        assert_eq!(result["resultType"], "complete", "{method}: {answer}");
        assert_eq!(
            result["ttlMs"] == 0 && result["cacheScope"] == "private",
            hinted,
            "{method}: {answer}"
        );
    }
}
