//! 2026-07-28: tools that a server runs only as tasks of 2025-11-25.

use serde_json::{Value, json};

use crate::support::{Launch, Modern, Proxy};

/// Its tools: `slow` and `endless` need tasks, `plain` does not support them. It writes to standard
/// error what it is asked about tasks.
const SERVER: &str = r#"
import json, sys
def say(text): print("said:", text, file=sys.stderr, flush=True)
def write(m): print(json.dumps({"jsonrpc": "2.0", **m}), flush=True)
LOOKS, TOKEN, HELD = {}, {}, []
def tool(name, support): return {"name": name, "inputSchema": {"type": "object"}, "execution": {"taskSupport": support}}
for line in sys.stdin:
    m = json.loads(line)
    i, method, p = m.get("id"), m["method"], m.get("params", {})
    if i is None and HELD and method == "notifications/cancelled": write({"id": HELD.pop(), "result": {"task": {"taskId": "late", "status": "working", "createdAt": "2026-01-01T00:00:00Z", "lastUpdatedAt": "2026-01-01T00:00:00Z", "ttl": None}}})
    if i is None: continue
    e = None
    if method == "initialize": r = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}, "tasks": {"requests": {"tools": {"call": {}}}}}, "serverInfo": {"name": "n", "version": "1"}}
    elif method == "tools/list":
        say("tools/list")
        r = {"tools": [tool("plain", "forbidden")], "nextCursor": "2"} if not p.get("cursor") else {"tools": [tool("slow", "required"), tool("endless", "required"), tool("broken", "required"), tool("late", "required")]}
    elif method == "tools/call" and p["name"] == "plain": r = {"content": [{"type": "text", "text": "plain"}]}
    elif method == "tools/call" and "task" not in p:
        say("refused " + p["name"])
        r = {"isError": True, "content": [{"type": "text", "text": "requires task augmentation"}]}
        if p["name"] == "broken": r, e = None, {"code": -32601, "message": "requires a task"}
    elif method == "tools/call" and p["name"] == "late":
        HELD.append(i)
        say("holds late")
        continue
    elif method == "tools/call":
        LOOKS[p["name"]] = 0
        TOKEN[p["name"]] = p.get("_meta", {}).get("progressToken")
        r = {"task": {"taskId": p["name"], "status": "working", "createdAt": "2026-01-01T00:00:00Z", "lastUpdatedAt": "2026-01-01T00:00:00Z", "ttl": None, "pollInterval": 20}}
    elif method == "tasks/get":
        LOOKS[p["taskId"]] += 1
        if TOKEN[p["taskId"]] is not None: write({"method": "notifications/progress", "params": {"progressToken": TOKEN[p["taskId"]], "progress": LOOKS[p["taskId"]]}})
        if LOOKS[p["taskId"]] == 2: say("looked at " + p["taskId"])
        done = p["taskId"] != "endless" and LOOKS[p["taskId"]] > 2
        r = {"taskId": p["taskId"], "status": ("failed" if p["taskId"] == "broken" else "completed") if done else "working", "pollInterval": 20, "ttl": None}
    elif method == "tasks/result":
        say("result of " + p["taskId"])
        r = {"content": [{"type": "text", "text": "done"}], "_meta": {"io.modelcontextprotocol/related-task": {"taskId": p["taskId"]}}}
        if p["taskId"] == "broken": r, e = None, {"code": -32000, "message": "it broke"}
    elif method == "tasks/cancel":
        say("cancelled " + p["taskId"])
        r = {"taskId": p["taskId"], "status": "cancelled"}
    else: r = {}
    write({"id": i, "error": e} if e else {"id": i, "result": r})
"#;

pub(super) const ISOLATION: [&[&str]; 2] = [&[], &["--isolation", "session"]];

/// The progress that these messages report, all of it for this token.
pub(super) fn progress_of(messages: &[String], token: &str) -> Vec<Value> {
    let told: Vec<Value> = messages
        .iter()
        .map(|text| serde_json::from_str(text).expect("a message"))
        .filter(|message: &Value| message["method"] == "notifications/progress")
        .collect();
    assert!(told.iter().all(|one| one["params"]["progressToken"] == token), "{told:?}");
    told.iter().map(|one| one["params"]["progress"].clone()).collect()
}

fn launch(flags: &[&str]) -> Proxy {
    Launch::of(&["python3", "-c", SERVER]).flags(flags).start()
}

fn call(proxy: &Proxy, tool: &str) -> Value {
    let answer = Modern::call(tool, "{}").send(proxy).message();
    serde_json::from_str(&answer).expect("a message")
}

#[test]
fn a_tool_that_needs_a_task_is_listed_and_gives_its_plain_result() {
    for flags in ISOLATION {
        let proxy = launch(flags);
        let page = Modern::new("tools/list").params(r#""cursor":"2""#).send(&proxy).message();
        let page: Value = serde_json::from_str(&page).expect("a message");
        let slow = json!({ "name": "slow", "inputSchema": { "type": "object" } });
        assert_eq!(page["result"]["tools"][0], slow, "{page}");
        let answer = call(&proxy, "slow");
        let result = &answer["result"];
        assert_eq!(result["content"][0]["text"], "done", "{flags:?}: {answer}");
        assert_eq!(result["resultType"], "complete", "{answer}");
        let meta = result["_meta"].as_object().expect("metadata");
        assert!(!meta.keys().any(|name| name.contains("task")), "{answer}");
        assert_eq!(call(&proxy, "plain")["result"]["content"][0]["text"], "plain");
        let log = proxy.terminate().stderr;
        assert!(log.contains("said: looked at slow"), "{log}");
        assert!(!log.contains("refused"), "the list was known: {log}");
    }
}

#[test]
fn a_tool_that_nobody_has_listed_is_looked_up_when_it_is_refused() {
    for flags in ISOLATION {
        let proxy = launch(flags);
        for _ in 0..2 {
            let answer = call(&proxy, "slow");
            assert_eq!(answer["result"]["content"][0]["text"], "done", "{flags:?}: {answer}");
        }
        // It needs no task, and a failed call is not retried as one.
        for _ in 0..2 {
            assert_eq!(call(&proxy, "nothing")["result"]["isError"], true);
        }
        let log = proxy.terminate().stderr;
        assert_eq!(log.matches("said: refused slow").count(), 1, "{log}");
        assert_eq!(log.matches("said: refused nothing").count(), 2, "{log}");
        // Two pages for each of the two names.
        assert!(log.matches("said: tools/list").count() <= 4, "{log}");
    }
}

#[test]
fn a_task_that_fails_is_an_error_of_the_call() {
    for flags in ISOLATION {
        let proxy = launch(flags);
        let answer = call(&proxy, "broken");
        assert_eq!(answer["error"]["message"], "it broke", "{flags:?}: {answer}");
        assert_eq!(answer["id"], 1, "{answer}");
    }
}

#[test]
fn the_task_of_a_client_that_leaves_is_cancelled() {
    for flags in ISOLATION {
        let proxy = launch(flags);
        let mut connection = proxy.connect();
        connection.write(&Modern::call("endless", "{}").request().bytes());
        assert!(proxy.stderr.line(|line| line.contains("looked at endless")).is_some());
        drop(connection);
        assert!(
            proxy.stderr.line(|line| line.contains("cancelled endless")).is_some(),
            "{flags:?}"
        );
    }
}

#[test]
fn the_progress_of_a_task_reaches_its_call() {
    for flags in ISOLATION {
        let proxy = launch(flags);
        let call = Modern::call("slow", "{}").id("\"a\"").meta(r#""progressToken":"own""#);
        let messages = proxy.stream(&call.request()).until("\"done\"");
        let told = progress_of(&messages, "own");
        assert_eq!(told, [1, 2, 3], "{flags:?}: {messages:?}");
    }
}

#[test]
fn a_task_that_begins_when_its_client_has_left_is_cancelled() {
    let proxy = launch(&[]);
    // Its list is read, so that the call is made as a task at once.
    drop(Modern::new("tools/list").params(r#""cursor":"2""#).send(&proxy));
    let mut connection = proxy.connect();
    connection.write(&Modern::call("late", "{}").request().bytes());
    assert!(proxy.stderr.line(|line| line.contains("holds late")).is_some());
    drop(connection);
    assert!(proxy.stderr.line(|line| line.contains("cancelled late")).is_some());
}
