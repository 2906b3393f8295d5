//! Tools that a server of 2026-07-28 runs only as tasks, for clients that know no tasks of that revision.

use serde_json::{Value, json};

use super::task_tools::{ISOLATION, progress_of};
use crate::support::{Launch, Proxy, Session};

/// Each of its tools but `plain` refuses to run unless the client takes tasks. It writes to standard error what it is
/// asked.
const SERVER: &str = r#"
import json, sys
EXTENSION = "io.modelcontextprotocol/tasks"
def say(text): print("said:", text, file=sys.stderr, flush=True)
def write(m): print(json.dumps({"jsonrpc": "2.0", **m}), flush=True)
def flat(name, status, **more): return {"resultType": "complete", "taskId": "t/\u00e9 " + name, "status": status, "createdAt": "2026-01-01T00:00:00Z", "lastUpdatedAt": "2026-01-01T00:00:00Z", "ttlMs": None, "pollIntervalMs": 20, **more}
LOOKS, TOKEN, ANSWERS, HELD = {}, {}, {}, []
def act(m):
    i, method, p = m["id"], m["method"], m.get("params", {})
    meta = p.get("_meta", {})
    takes = EXTENSION in meta.get("io.modelcontextprotocol/clientCapabilities", {}).get("extensions", {})
    name = p.get("name") or p.get("taskId", "")[4:]
    if method == "server/discover": return {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}, "extensions": {EXTENSION: {}}}, "resultType": "complete", "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "n", "version": "1"}}}
    if method == "tools/list": return {"resultType": "complete", "tools": [{"name": name, "inputSchema": {"type": "object"}} for name in ["plain", "slow", "endless", "broken", "asks", "late"]]}
    if method == "tools/call" and name == "plain": return {"resultType": "complete", "content": [{"type": "text", "text": "plain, offered: %s" % takes}]}
    if method.startswith("tasks/") or method == "tools/call":
        if not takes:
            say("refused " + name)
            raise KeyError
    if method == "tools/call":
        if name == "late":
            HELD.append(i)
            say("holds late")
            return None
        LOOKS[name], TOKEN[name] = 0, meta.get("progressToken")
        ANSWERS.pop(name, None)
        say("ran " + name)
        return {**flat(name, "working"), "resultType": "task"}
    if method == "tasks/get":
        LOOKS[name] += 1
        if TOKEN[name] is not None: write({"method": "notifications/progress", "params": {"progressToken": TOKEN[name], "progress": LOOKS[name]}})
        if LOOKS[name] == 2: say("looked at " + name)
        if name == "asks" and name not in ANSWERS: return flat(name, "input_required", inputRequests={"who": {"method": "elicitation/create", "params": {"message": "Who?", "requestedSchema": {"type": "object", "properties": {}}}}})
        if name == "asks": return flat(name, "completed", result={"resultType": "complete", "content": [{"type": "text", "text": ANSWERS[name]}]})
        if LOOKS[name] < 4 or name == "endless": return flat(name, "working")
        if name == "broken": return flat(name, "failed", error={"code": -32000, "message": "it broke"})
        return flat(name, "completed", result={"resultType": "complete", "content": [{"type": "text", "text": "done"}], "structuredContent": [1.0]})
    if method == "tasks/update":
        ANSWERS[name] = json.dumps(p["inputResponses"]["who"], sort_keys=True)
        return {"resultType": "complete"}
    if method == "tasks/cancel":
        say("cancelled " + name)
        return {"resultType": "complete"}
    return {"resultType": "complete"}
for line in sys.stdin:
    m = json.loads(line)
    if "id" not in m:
        if HELD:
            write({"id": HELD.pop(), "result": {**flat("late", "working"), "resultType": "task"}})
        continue
    try:
        r = act(m)
        if r is not None: write({"id": m["id"], "result": r})
    except KeyError:
        write({"id": m["id"], "error": {"code": -32021, "message": "tasks are needed", "data": {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}}})
"#;

fn launch(flags: &[&str]) -> Proxy {
    let server = Launch::of(&["python3", "-c", SERVER]).flags(&["--upstreamProtocol", "modern"]);
    server.flags(flags).start()
}

fn call(session: &Session<'_>, tool: &str) -> Value {
    serde_json::from_str(&session.call("7", tool, "{}")).expect("a message")
}

#[test]
fn an_older_client_gets_the_plain_result_of_a_task() {
    for flags in ISOLATION {
        let proxy = launch(flags);
        for version in ["2025-06-18", "2025-11-25"] {
            let session = Session::open_as(&proxy, version);
            let answer = call(&session, "slow");
            assert_eq!(answer["id"], 7, "{answer}");
            let expected = json!({
                "content": [{ "type": "text", "text": "done" }, { "type": "text", "text": "[1.0]" }],
                "structuredContent": { "result": [1.0] },
            });
            let mut result = answer["result"].clone();
            // A text of the server's own says it already, or the proxy adds one.
            if result["content"].as_array().is_some_and(|all| all.len() == 1) {
                result["content"] = expected["content"].clone();
            }
            assert_eq!(result, expected, "{flags:?} {version}: {answer}");
        }
        let session = proxy.session();
        let plain = call(&session, "plain")["result"]["content"][0]["text"].clone();
        assert_eq!(plain, "plain, offered: False", "what needs no task is not offered one");
        let log = proxy.terminate().stderr;
        let refused = log.matches("said: refused slow").count();
        // The first refusal is remembered by whatever is in front of that server.
        assert_eq!(refused, if flags.is_empty() { 1 } else { 2 }, "{log}");
    }
}

#[test]
fn the_progress_of_a_task_reaches_its_call() {
    for flags in ISOLATION {
        let proxy = launch(flags);
        let session = proxy.session();
        let call = r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"slow","_meta":{"progressToken":"own"}}}"#;
        let messages = session.stream(call).until("\"id\":\"a\"");
        let told = progress_of(&messages, "own");
        assert_eq!(told, [1, 2, 3, 4], "{flags:?}: {messages:?}");
    }
}

#[test]
fn a_failed_task_is_the_error_of_its_call() {
    let proxy = launch(&[]);
    let answer = call(&proxy.session(), "broken");
    assert_eq!(answer["error"], json!({ "code": -32000, "message": "it broke" }), "{answer}");
}

#[test]
fn a_task_that_asks_is_answered_by_the_client() {
    for flags in ISOLATION {
        let proxy = launch(flags);
        let session = Session::open_with(&proxy, r#"{"elicitation":{}}"#);
        let mut stream = session.stream(crate::support::call("\"a\"", "asks", "{}"));
        let question = stream.until("elicitation/create").pop().expect("a question");
        let id = serde_json::from_str::<Value>(&question).expect("a message")["id"].clone();
        session.post(format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"action":"accept","content":{{"name":"Ann"}}}}}}"#
        ));
        let answer = stream.until("\"id\":\"a\"").pop().expect("an answer");
        assert!(answer.contains("Ann"), "{flags:?}: {answer}");
        // Who cannot be asked is told so, and nobody waits for the task.
        let answer = call(&proxy.session(), "asks");
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        assert!(proxy.stderr.line(|line| line.contains("cancelled asks")).is_some());
    }
}

#[test]
fn a_task_that_nobody_waits_for_is_cancelled() {
    let proxy = launch(&[]);
    let end = |session: &Session<'_>, how: &str| match how {
        "cancelled" => drop(session.post(
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"a"}}"#,
        )),
        _ => drop(session.delete()),
    };
    for (tool, known) in [("endless", "looked at endless"), ("late", "holds late")] {
        for how in ["cancelled", "deleted"] {
            let session = proxy.session();
            let stream = session.stream(crate::support::call("\"a\"", tool, "{}"));
            assert!(proxy.stderr.line(|line| line.contains(known)).is_some());
            end(&session, how);
            let told = format!("said: cancelled {tool}");
            assert!(proxy.stderr.line(|line| line.contains(&told)).is_some(), "{tool} {how}");
            drop(stream);
        }
    }
}
