//! More than a request and its answer: progress, questions, subscriptions, streams.

use mcp_proxy_core::config::{Isolation, ServerConfig, Upstream};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, duplex, split};

use super::{World, config, fixture};

/// The message in an event.
fn message(event: &str) -> Value {
    serde_json::from_str(event.strip_prefix("data:").expect("an event")).expect("JSON")
}

/// A server that each client has to itself.
fn unshared(name: &str, mode: &str) -> ServerConfig {
    let mut server = fixture(name, mode);
    if let Ok(Upstream::Command(command)) = &mut server.upstream {
        command.isolation = Isolation::Session;
    }
    server
}

#[tokio::test]
async fn progress_and_questions_belong_to_their_calls() {
    let servers =
        vec![fixture("work", "progress 3"), unshared("asks", "asks"), unshared("more", "asks")];
    let mut config = config(servers);
    config.http.enable_json_response = false;
    let world = World::new(config);
    let session = world.session_of("/mcp", json!({ "roots": {} })).await;
    let call = json!({
        "jsonrpc": "2.0", "id": 5, "method": "tools/call",
        "params": { "name": "work__work", "_meta": { "progressToken": "mine" } },
    });
    let mut heard = session.events(&call.to_string()).await;
    let progress = message(&heard.hears("notifications/progress").await);
    assert_eq!(progress["params"]["progressToken"], "mine");
    assert_eq!(message(&heard.hears("\"done\"").await)["id"], 5);
    for tool in ["asks__ask", "more__ask"] {
        let call = json!({
            "jsonrpc": "2.0", "id": tool, "method": "tools/call",
            "params": { "name": tool, "arguments": { "method": "roots/list" } },
        });
        let mut heard = session.events(&call.to_string()).await;
        let question = message(&heard.hears("roots/list").await);
        let forged = json!({ "jsonrpc": "2.0", "id": 4242, "result": { "roots": [] } });
        assert_eq!(session.post(&forged.to_string()).await.0, 202);
        let root = json!({ "uri": format!("file:///{tool}") });
        let answer =
            json!({ "jsonrpc": "2.0", "id": question["id"], "result": { "roots": [root] } });
        assert_eq!(session.post(&answer.to_string()).await.0, 202);
        let result = message(&heard.hears("\"content\"").await);
        assert_eq!(result["id"], tool);
        assert!(result.to_string().contains(&format!("file:///{tool}")), "{result}");
    }
    world.fleet.close().await;
}

#[tokio::test]
async fn a_subscription_outlives_its_server() {
    let of = |value: &str| {
        let mut server = fixture("a", "subscribe");
        if let Ok(Upstream::Command(command)) = &mut server.upstream {
            command.command.env.insert("CHANGED".into(), value.into());
        }
        vec![server, fixture("b", "echo")]
    };
    let mut world = World::new(config(of("0")));
    world.arrived(2).await;
    let session = world.session("/servers/a/mcp").await;
    let mut heard = session.listen().await;
    session.request("resources/subscribe", json!({ "uri": "x:y" })).await;
    session.call("touch", json!({ "uri": "x:y" })).await;
    heard.hears("resources/updated").await;
    assert_eq!(world.fleet.reload(config(of("1"))).unwrap().replaced, ["a"]);
    session.call("touch", json!({ "uri": "x:y" })).await;
    heard.hears("resources/updated").await;
    world.fleet.close().await;
}

#[tokio::test]
async fn clients_of_the_newer_era_call_any_server() {
    let servers = vec![fixture("one", "echo"), fixture("new", "modern"), fixture("bad", "exit 3")];
    let mut servers = config(servers);
    if let Ok(Upstream::Command(command)) = &mut servers.servers[1].upstream {
        command.protocol = mcp_proxy_core::config::UpstreamProtocol::Auto;
    }
    let world = World::new(servers);
    let one = world.session("/servers/one/mcp").await.call("pid", json!({})).await;
    for (path, tool) in
        [("/mcp", "one__pid"), ("/servers/one/mcp", "pid"), ("/mcp?servers=one", "one__pid")]
    {
        let response = world.modern(path, "tools/call", json!({ "name": tool })).await;
        assert_eq!(response["result"]["content"][0]["text"], one, "{path}: {response}");
    }
    let list = world.modern("/mcp", "tools/list", json!({})).await;
    assert_eq!(list["result"]["resultType"], "complete");
    assert_eq!(list["result"]["_meta"]["io.github.mcp-proxy/unavailable"], json!(["bad"]));
    let names = list["result"]["tools"].to_string();
    assert!(names.contains("new__") && names.contains("one__"), "{names}");
    world.fleet.close().await;
}

#[tokio::test]
async fn all_servers_are_one_over_standard_streams() {
    let servers = vec![fixture("one", "echo"), fixture("two", "echo")];
    let fleet = mcp_proxy_core::Fleet::start_without_port(config(servers), None).unwrap();
    assert_eq!(fleet.address(), None);
    let (near, far) = duplex(64 * 1024);
    let talking = async {
        let (input, mut output) = split(near);
        let mut lines = BufReader::new(input).lines();
        for line in [
            r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"two__echo","arguments":{"text":"hello"}}}"#,
        ] {
            output.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        }
        loop {
            let line = lines.next_line().await.unwrap().expect("an answer");
            let message: Value = serde_json::from_str(&line).unwrap();
            if message["id"] == 1 {
                break message["result"]["content"][0]["text"].clone();
            }
        }
    };
    let running = fleet.run(split(far), std::future::pending());
    let (ended, text) = tokio::join!(running, talking);
    assert!(ended.is_ok());
    assert_eq!(text, "hello");
    fleet.close().await;
}
