//! The endpoint with servers that the tests play.

mod histories;
mod policy;
mod scripted;

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;

use self::scripted::{Endpoint, Server as Scripted, call, initialize, names};
use super::*;

/// No servers, one, two, many.
const COUNTS: [usize; 4] = [0, 1, 2, 50];

#[tokio::test(start_paused = true)]
async fn lists_are_one_and_calls_find_their_servers() {
    for count in COUNTS {
        let endpoint = Endpoint::new((0..count).map(|n| Scripted::new(&format!("s{n}"), 3)));
        let mut client = endpoint.client().await;
        let result = client.initialize().await;
        assert_eq!(result["capabilities"]["tools"], json!({"listChanged": true}));
        let result = client.ask("tools/list", json!({})).await;
        let expected: Vec<String> =
            (0..count).flat_map(|n| (0..3).map(move |tool| format!("s{n}__tool{tool}"))).collect();
        assert_eq!(names(&result, "tools"), expected);
        assert!(result.get("_meta").is_none() && result.get("nextCursor").is_none());
        for n in 0..count {
            let result = client.ask("tools/call", call(&format!("s{n}__tool2"))).await;
            assert_eq!(result["by"], json!([format!("s{n}"), "tool2"]));
        }
        for unknown in ["tool2", "s99__tool2", "__tool2", ""] {
            let error = client.fail("tools/call", call(unknown)).await;
            assert_eq!(error["code"], -32602, "{unknown}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_never_answers_is_left_out_and_comes_back() {
    let endpoint = Endpoint::new([Scripted::new("a", 1), Scripted::new("b", 1)]);
    endpoint.server("a").hang();
    let mut client = endpoint.client().await;
    let started = Instant::now();
    client.initialize().await;
    assert_eq!(started.elapsed(), Duration::from_secs(5));
    let result = client.ask("tools/list", json!({})).await;
    assert_eq!(names(&result, "tools"), ["b__tool0"]);
    assert_eq!(result["_meta"]["io.github.mcp-proxy/unavailable"], json!(["a"]));
    let result = client.ask("tools/call", call("b__tool0")).await;
    assert_eq!(result["by"], json!(["b", "tool0"]));
    endpoint.server("a").wake();
    client.hears("notifications/tools/list_changed").await;
    let result = client.ask("tools/list", json!({})).await;
    assert_eq!(names(&result, "tools"), ["a__tool0", "b__tool0"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_down_is_left_out_and_comes_back() {
    let endpoint = Endpoint::new([Scripted::new("a", 1), Scripted::new("b", 1)]);
    endpoint.server("a").refuse(true);
    let mut client = endpoint.client().await;
    client.initialize().await;
    let result = client.ask("tools/list", json!({})).await;
    assert_eq!(result["_meta"]["io.github.mcp-proxy/unavailable"], json!(["a"]));
    let error = client.fail("tools/call", call("a__tool0")).await;
    assert_eq!(error["code"], -32602);
    assert!(error["message"].as_str().unwrap().contains("not available"), "{error}");
    endpoint.server("a").refuse(false);
    client.hears("notifications/tools/list_changed").await;
    let result = client.ask("tools/list", json!({})).await;
    assert_eq!(names(&result, "tools"), ["a__tool0", "b__tool0"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_failed_a_call_is_tried_again_for_the_next_list() {
    let endpoint = Endpoint::new([Scripted::lazy("a", 1)]);
    endpoint.server("a").refuse(true);
    let mut client = endpoint.client().await;
    client.initialize().await;
    client.fail("tools/call", call("a__tool0")).await;
    endpoint.server("a").refuse(false);
    let result = client.ask("tools/list", json!({})).await;
    assert_eq!(names(&result, "tools"), ["a__tool0"]);
}

#[tokio::test(start_paused = true)]
async fn long_lists_have_pages_that_only_their_endpoint_reads() {
    let endpoint = Endpoint::new([Scripted::new("a", 2500), Scripted::new("b", 10)]);
    let mut client = endpoint.client().await;
    client.initialize().await;
    let mut all = Vec::new();
    let mut params = json!({});
    loop {
        let result = client.ask("tools/list", params).await;
        all.extend(names(&result, "tools"));
        let Some(cursor) = result["nextCursor"].as_str() else { break };
        let error = client.fail("prompts/list", json!({"cursor": cursor})).await;
        assert_eq!(error["code"], -32602);
        params = json!({"cursor": cursor});
    }
    assert_eq!(all.len(), 2510);
    assert_eq!(all.last().unwrap(), "b__tool9");
    for forged in [json!("AAAA"), json!(""), json!(7)] {
        let error = client.fail("tools/list", json!({"cursor": forged})).await;
        assert_eq!(error["code"], -32602);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cursor_goes_on_after_its_server_was_removed() {
    let endpoint = Endpoint::new([Scripted::new("a", 1500), Scripted::new("b", 2)]);
    let mut client = endpoint.client().await;
    client.initialize().await;
    let result = client.ask("tools/list", json!({})).await;
    let cursor = result["nextCursor"].clone();
    endpoint.keep(&["b"]);
    client.hears("notifications/tools/list_changed").await;
    let result = client.ask("tools/list", json!({"cursor": cursor})).await;
    assert_eq!(names(&result, "tools"), ["b__tool0", "b__tool1"]);
    let error = client.fail("tools/call", call("a__tool0")).await;
    assert_eq!(error["code"], -32602);
    assert_eq!(endpoint.server("a").open_connections(), 1, "its calls may finish");
    endpoint.forget("a");
    assert_eq!(endpoint.server("a").open_connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn cut_names_are_found_in_their_lists() {
    let long = ["x".repeat(300), "x".repeat(301), "é".repeat(100)];
    let server = Scripted::with_tools("a", long.iter().cloned());
    let endpoint = Endpoint::new([server]);
    let mut client = endpoint.client().await;
    client.initialize().await;
    let result = client.ask("tools/list", json!({})).await;
    let merged = names(&result, "tools");
    assert_eq!(merged.len(), 3);
    // Another endpoint over the same servers, which has read no lists.
    let endpoint = Endpoint::new([Scripted::with_tools("a", long.iter().cloned())]);
    let mut client = endpoint.client().await;
    client.initialize().await;
    for (merged, own) in merged.iter().zip(&long) {
        assert!(merged.len() <= 64);
        let result = client.ask("tools/call", call(merged)).await;
        assert_eq!(result["by"], json!(["a", own]));
    }
    let forged = format!("a__{}-aaaaaa", "x".repeat(54));
    let error = client.fail("tools/call", call(&forged)).await;
    assert_eq!(error["code"], -32602);
}

#[tokio::test(start_paused = true)]
async fn uris_belong_to_the_first_that_has_them() {
    let endpoint = Endpoint::new([
        Scripted::new("a", 0).resources(["file:///x", "file:///a"], ["t://{id}"]),
        Scripted::new("b c", 0).resources(["file:///x", "file:///b", "t://1"], []),
    ]);
    let mut client = endpoint.client().await;
    client.initialize().await;
    // Before anything was listed, too.
    let result = client.ask("resources/read", json!({"uri": "file:///b"})).await;
    assert_eq!(result["by"], json!(["b c", "file:///b"]));
    let result = client.ask("resources/list", json!({})).await;
    let listed: Vec<_> =
        result["resources"].as_array().unwrap().iter().map(|one| one["uri"].clone()).collect();
    let expected =
        ["file:///x", "file:///a", "b.c+file:///x", "file:///b", "b.c+t://1"].map(Value::from);
    assert_eq!(listed, expected);
    for (uri, by) in [
        ("file:///x", ["a", "file:///x"]),
        ("b.c+file:///x", ["b c", "file:///x"]),
        ("B.C+file:///x", ["b c", "file:///x"]),
        ("t://1", ["a", "t://1"]),
        ("t://2", ["a", "t://2"]),
        ("b.c+t://1", ["b c", "t://1"]),
    ] {
        let result = client.ask("resources/read", json!({"uri": uri})).await;
        assert_eq!(result["by"], json!(by), "{uri}");
    }
    for uri in ["file:///nobody", "b.c+file:///b", "a+file:///x", "b.c+t://2"] {
        let error = client.fail("resources/read", json!({"uri": uri})).await;
        assert_eq!(error["code"], -32602, "{uri}");
    }
    client.ask("resources/subscribe", json!({"uri": "b.c+file:///x"})).await;
    endpoint.server("b c").says(&json!({"jsonrpc": "2.0",
        "method": "notifications/resources/updated", "params": {"uri": "file:///x"}}));
    let heard = client.hears("notifications/resources/updated").await;
    assert_eq!(heard["params"]["uri"], "b.c+file:///x");
}

#[tokio::test(start_paused = true)]
async fn questions_go_back_to_whoever_asked() {
    let endpoint = Endpoint::new([Scripted::new("a", 1), Scripted::new("b", 1)]);
    let mut client = endpoint.client().await;
    client.initialize().await;
    for server in ["a", "b"] {
        endpoint.server(server).says(&json!({"jsonrpc": "2.0", "id": "q",
            "method": "sampling/createMessage", "params": {"_meta": {"progressToken": 1}}}));
    }
    let first = client.hears("sampling/createMessage").await;
    let second = client.hears("sampling/createMessage").await;
    assert_ne!(first["id"], second["id"]);
    let progress =
        json!({"progressToken": second["params"]["_meta"]["progressToken"], "progress": 1});
    client.says(json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": progress}));
    client.says(json!({"jsonrpc": "2.0", "id": second["id"], "result": {"of": "b"}}));
    client.says(json!({"jsonrpc": "2.0", "id": second["id"], "result": {"of": "nobody"}}));
    client.says(json!({"jsonrpc": "2.0", "id": 77, "result": {"of": "nobody"}}));
    client.says(json!({"jsonrpc": "2.0", "id": first["id"], "result": {"of": "a"}}));
    let of = |server| {
        let heard = endpoint.server(server).heard();
        let answers = heard.into_iter().filter(|message| message.get("result").is_some());
        answers.collect::<Vec<_>>()
    };
    assert_eq!(of("a"), [json!({"jsonrpc": "2.0", "id": "q", "result": {"of": "a"}})]);
    assert_eq!(of("b"), [json!({"jsonrpc": "2.0", "id": "q", "result": {"of": "b"}})]);
    let told = endpoint.server("b").heard_of("notifications/progress");
    assert_eq!(told[0]["params"]["progressToken"], 1);
    endpoint.server("a").says(&json!({"jsonrpc": "2.0", "id": 9, "method": "roots/list"}));
    let asked = client.hears("roots/list").await;
    endpoint.server("a").says(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": {"requestId": 9}}));
    let cancelled = client.hears("notifications/cancelled").await;
    assert_eq!(cancelled["params"]["requestId"], asked["id"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_client_settles_is_settled_with_servers_that_come_later() {
    let endpoint = Endpoint::new([Scripted::new("a", 1), Scripted::lazy("b", 1)]);
    let mut client = endpoint.client().await;
    client.initialize().await;
    client.ask("logging/setLevel", json!({"level": "debug"})).await;
    let error = client.fail("logging/setLevel", json!({"level": "loud"})).await;
    assert_eq!(error["code"], -32602);
    assert!(endpoint.server("b").heard().is_empty(), "it sleeps");
    client.ask("tools/call", call("b__tool0")).await;
    let methods: Vec<_> = endpoint
        .server("b")
        .heard()
        .iter()
        .map(|message| message["method"].as_str().unwrap().to_owned())
        .collect();
    let expected = ["initialize", "notifications/initialized", "logging/setLevel", "tools/call"];
    assert_eq!(methods, expected);
    assert_eq!(endpoint.server("a").heard_of("logging/setLevel").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_reaches_whoever_has_the_call() {
    let endpoint = Endpoint::new([Scripted::new("a", 1), Scripted::new("b", 1)]);
    let mut client = endpoint.client().await;
    client.initialize().await;
    endpoint.server("b").hang();
    let id = client.sends("tools/call", call("b__tool0"));
    client.says(json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": {"requestId": id}}));
    assert_eq!(endpoint.server("b").heard_of("notifications/cancelled").len(), 1);
    client.is_forgotten(&id).await;
    let id = client.sends("tools/list", json!({}));
    tokio::task::yield_now().await;
    client.says(json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": {"requestId": id}}));
    client.answer(&id).await;
}

#[tokio::test(start_paused = true)]
async fn tasks_completions_and_unknown_methods_find_their_servers() {
    let endpoint = Endpoint::new([
        Scripted::new("a", 1),
        Scripted::new("b", 1).resources(["r://b"], ["r://{x}"]),
    ]);
    let mut client = endpoint.client().await;
    client.initialize().await;
    let result = client.ask("tools/call", json!({"name": "b__tool0", "task": {}})).await;
    let task = result["task"]["taskId"].clone();
    assert_ne!(task, "t1");
    let result = client.ask("tasks/get", json!({"taskId": task})).await;
    assert_eq!((&result["by"], &result["taskId"]), (&json!(["b", "t1"]), &task));
    let error = client.fail("tasks/get", json!({"taskId": "t1"})).await;
    assert_eq!(error["code"], -32602);
    let prompt = json!({"ref": {"type": "ref/prompt", "name": "b__p"}, "argument": {}});
    let result = client.ask("completion/complete", prompt).await;
    assert_eq!(result["by"], json!(["b", "p"]));
    let resource = json!({"ref": {"type": "ref/resource", "uri": "r://{x}"}, "argument": {}});
    let result = client.ask("completion/complete", resource).await;
    assert_eq!(result["by"], json!(["b", "r://{x}"]));
    for (params, by) in [
        (json!({"name": "a__thing"}), json!(["a", "thing"])),
        (json!({"uri": "r://b"}), json!(["b", "r://b"])),
        (json!({"x": 1, "_meta": {"io.github.mcp-proxy/server": "b"}}), json!(["b", null])),
    ] {
        assert_eq!(client.ask("vendor/do", params).await["by"], by);
    }
    assert_eq!(client.fail("vendor/do", json!({"x": 1})).await["code"], -32601);
    assert_eq!(client.fail("tools/call", json!({})).await["code"], -32602);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_leaves_every_server() {
    let endpoint = Endpoint::new([Scripted::new("a", 1), Scripted::new("b", 1)]);
    endpoint.server("b").hang();
    let mut client = endpoint.client().await;
    client.initialize().await;
    let waiting = client.sends("tools/call", call("b__tool0"));
    assert_eq!(endpoint.server("a").open_connections(), 1);
    client.leave();
    client.is_forgotten(&waiting).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(endpoint.server("a").open_connections(), 0);
    assert_eq!(endpoint.server("b").open_connections(), 0);
}

#[test]
fn handshakes_name_their_revision() {
    assert_eq!(initialize()["method"], "initialize");
}

#[tokio::test(start_paused = true)]
async fn a_modern_client_is_served_the_same() {
    let endpoint = Endpoint::new([
        Scripted::new("a", 2).resources(["r://x"], []),
        Scripted::new("b", 1).resources(["r://x"], []),
    ]);
    let result = endpoint.result("server/discover", json!({})).await;
    assert_eq!(result["capabilities"]["tools"], json!({"listChanged": true}));
    let result = endpoint.result("tools/list", json!({})).await;
    assert_eq!(names(&result, "tools"), ["a__tool0", "a__tool1", "b__tool0"]);
    assert_eq!((&result["ttlMs"], &result["cacheScope"]), (&json!(9), &json!("public")));
    assert_eq!(result["resultType"], "complete");
    let result = endpoint.result("tools/call", call("b__tool0")).await;
    assert_eq!(result["by"], json!(["b", "tool0"]));
    let result = endpoint.result("resources/read", json!({"uri": "b+r://x"})).await;
    assert_eq!(result["by"], json!(["b", "r://x"]));
    for (method, params) in
        [("tools/call", call("c__x")), ("resources/read", json!({"uri": "r://y"}))]
    {
        assert_eq!(endpoint.result(method, params).await["code"], -32602);
    }
    assert_eq!(endpoint.result("vendor/do", json!({})).await["code"], -32601);
    // A method of the session era, whatever it names.
    for method in ["resources/subscribe", "resources/unsubscribe", "ping", "tasks/list"] {
        let error = endpoint.result(method, json!({"uri": "r://x"})).await;
        assert_eq!(error["code"], -32601, "{method}");
    }
    let error = endpoint.result("tasks/get", json!({"taskId": "t1"})).await;
    assert_eq!(error["code"], -32021);
    let missing = &error["data"]["requiredCapabilities"]["extensions"];
    assert_eq!(missing, &json!({"io.modelcontextprotocol/tasks": {}}));
    let error = endpoint.result("resources/read", json!({"uri": "r://\"y"})).await;
    assert_eq!(error["data"], json!({"uri": "r://\"y"}));
    for server in ["a", "b"] {
        assert_eq!(endpoint.server(server).open_connections(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_goes_back_to_the_server_that_gave_it() {
    let endpoint = Endpoint::new([Scripted::new("a", 1), Scripted::new("b", 1)]);
    let result = endpoint.result("tools/call", json!({"name": "a__tool0", "ask": 1})).await;
    let state = result["requestState"].clone();
    assert_ne!(state, "mine");
    let again = |server: &str, state: &Value| json!({"name": format!("{server}__tool0"), "requestState": state, "inputResponses": {}});
    let result = endpoint.result("tools/call", again("a", &state)).await;
    assert_eq!(result["state"], "mine");
    for params in [again("b", &state), again("a", &json!("mine")), again("a", &json!(1))] {
        assert_eq!(endpoint.result("tools/call", params).await["code"], -32602);
    }
}

#[tokio::test(start_paused = true)]
async fn a_modern_client_listens_to_all() {
    let endpoint = Endpoint::new([
        Scripted::new("a", 1).resources(["r://x"], []),
        Scripted::new("b", 1).resources(["r://x", "r://b"], []),
    ]);
    let filter = json!({"toolsListChanged": true,
        "resourceSubscriptions": ["b+r://x", "r://b", "r://x", "r://nobody"]});
    let (connection, inbox) =
        endpoint.modern("subscriptions/listen", json!({"notifications": filter})).await;
    let next = |method: &'static str| {
        let inbox = Arc::clone(&inbox);
        async move { inbox.next(|message| message["method"] == method).await }
    };
    let told = next("notifications/subscriptions/acknowledged").await;
    let expected = json!({"toolsListChanged": true,
        "resourceSubscriptions": ["b+r://x", "r://b", "r://x"]});
    assert_eq!(told["params"]["notifications"], expected);
    let asked = &endpoint.server("b").heard_of("subscriptions/listen")[0];
    let own = &asked["params"]["notifications"]["resourceSubscriptions"];
    assert_eq!(*own, json!(["r://x", "r://b"]));
    endpoint.server("b").tells(&json!({"jsonrpc": "2.0",
        "method": "notifications/resources/updated", "params": {"uri": "r://x"}}));
    let told = next("notifications/resources/updated").await;
    assert_eq!(told["params"]["uri"], "b+r://x");
    endpoint.server("a").tells(&json!({"jsonrpc": "2.0",
        "method": "notifications/prompts/list_changed"}));
    endpoint.server("a").ends_listening();
    let told = next("notifications/tools/list_changed").await;
    assert_eq!(told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], "m");
    endpoint.merged.end_subscriptions();
    let answer = inbox.next(|message| message.get("id").is_some()).await;
    assert_eq!(answer["result"]["resultType"], "complete");
    connection.close();
    tokio::time::sleep(Duration::from_secs(1)).await;
    for server in ["a", "b"] {
        assert_eq!(endpoint.server(server).open_connections(), 0, "{server}");
    }
}
