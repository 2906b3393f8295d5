//! From one file to the next: unchanged servers continue.

use mcp_proxy_core::config::{Filter, FleetConfig, Pattern, Rules, Secret, ServerConfig};
use serde_json::json;

use super::{World, config, fixture};

/// The running configuration, with these servers.
fn with(world: &World, servers: Vec<ServerConfig>) -> FleetConfig {
    let mut config = config(servers);
    config.http.port = 0;
    assert_eq!(world.fleet.address(), Some(world.address));
    config
}

#[tokio::test]
async fn what_is_the_same_keeps_its_process_and_its_sessions() {
    let mut world = World::new(config(vec![fixture("a", "echo"), fixture("b", "echo")]));
    world.arrived(2).await;
    let (named, merged) = (world.session("/servers/a/mcp").await, world.session("/mcp").await);
    let pid = named.call("pid", json!({})).await;
    let mut heard = merged.listen().await;
    let reloaded =
        world.fleet.reload(with(&world, vec![fixture("c", "slow"), fixture("a", "echo")])).unwrap();
    assert_eq!((reloaded.added, reloaded.removed), (vec!["c".to_owned()], vec!["b".to_owned()]));
    assert!(reloaded.needs_restart.is_empty());
    heard.hears("tools/list_changed").await;
    assert_eq!(named.call("pid", json!({})).await, pid);
    assert_eq!(merged.call("a__pid", json!({})).await, pid);
    let tools = merged.tools().await;
    assert!(tools.contains(&"c__wait".to_owned()) && !tools.contains(&"b__pid".to_owned()));
    assert_eq!(world.send("POST", "/servers/b/mcp", "", "{}").await.0, 404);
    world.session("/servers/c/mcp").await;
    world.fleet.close().await;
}

#[tokio::test]
async fn a_removed_server_finishes_its_calls() {
    let mut world = World::new(config(vec![fixture("slow", "slow"), fixture("b", "echo")]));
    world.arrived(2).await;
    let (named, merged) = (world.session("/servers/slow/mcp").await, world.session("/mcp").await);
    let calls = async {
        tokio::join!(
            named.call("wait", json!({ "ms": 400 })),
            merged.call("slow__wait", json!({ "ms": 400 })),
        )
    };
    let reloading = async {
        // Both calls are under way.
        let other = world.session("/servers/slow/mcp").await;
        other.call("echo", json!({ "text": "x" })).await;
        world.fleet.reload(with(&world, vec![fixture("b", "echo")])).unwrap();
    };
    let (answers, ()) = tokio::join!(calls, reloading);
    assert_eq!(answers.0, answers.1);
    assert_eq!(world.send("POST", "/servers/slow/mcp", "", "{}").await.0, 404);
    assert_eq!(merged.tools().await, ["echo", "pid"], "the only server has no prefix");
    world.fleet.close().await;
}

#[tokio::test]
async fn a_changed_command_is_another_process_for_the_same_sessions() {
    let mut world = World::new(config(vec![fixture("a", "slow"), fixture("b", "echo")]));
    world.arrived(2).await;
    let (named, merged) = (world.session("/servers/a/mcp").await, world.session("/mcp").await);
    let pid = named.call("pid", json!({})).await;
    let mut heard = named.listen().await;
    let calls = async {
        tokio::join!(
            named.call("wait", json!({ "ms": 300 })),
            merged.call("a__wait", json!({ "ms": 300 })),
        )
    };
    let reloading = async {
        named.call("echo", json!({ "text": "x" })).await;
        let reloaded = world
            .fleet
            .reload(with(&world, vec![fixture("a", "subscribe"), fixture("b", "echo")]))
            .unwrap();
        assert_eq!(reloaded.replaced, ["a"]);
        // It waits for the calls of the old one, and for the new one.
        let touched = named.call("touch", json!({ "uri": "x:y" })).await;
        (touched, merged.call("a__pid", json!({})).await)
    };
    let (_answers, (_, other)) = tokio::join!(calls, reloading);
    heard.hears("tools/list_changed").await;
    assert_ne!(other, pid);
    assert_eq!(named.call("pid", json!({})).await, other);
    world.arrived(1).await;
    world.fleet.close().await;
}

#[tokio::test]
async fn rules_apply_at_once() {
    let mut world = World::new(config(vec![fixture("a", "echo"), fixture("b", "echo")]));
    world.arrived(2).await;
    let (named, merged) = (world.session("/servers/a/mcp").await, world.session("/mcp").await);
    let pid = named.call("pid", json!({})).await;
    let mut other = fixture("a", "echo");
    let deny = vec![Pattern::Glob("ec*".to_owned())];
    other.rules = Rules::default();
    other.rules.tools.filter = Filter { deny, ..Filter::default() };
    let reloaded = world.fleet.reload(with(&world, vec![other, fixture("b", "echo")])).unwrap();
    assert_eq!(reloaded.retuned, ["a"]);
    assert_eq!(named.tools().await, ["pid"]);
    assert_eq!(merged.tools().await, ["a__pid", "b__echo", "b__pid"]);
    let hidden = merged.request("tools/call", json!({ "name": "a__echo" })).await;
    assert_eq!(hidden["error"]["code"], -32602);
    assert_eq!(named.call("pid", json!({})).await, pid);
    world.fleet.close().await;
}

#[tokio::test]
async fn a_second_server_brings_prefixes_to_the_sessions_of_the_first() {
    let mut world = World::new(config(vec![fixture("a", "echo")]));
    world.arrived(1).await;
    let session = world.session("/mcp").await;
    let mut heard = session.listen().await;
    let pid = session.call("pid", json!({})).await;
    world.fleet.reload(with(&world, vec![fixture("a", "echo"), fixture("b", "echo")])).unwrap();
    heard.hears("tools/list_changed").await;
    assert_eq!(session.call("a__pid", json!({})).await, pid);
    world.fleet.reload(with(&world, vec![fixture("a", "echo")])).unwrap();
    assert_eq!(session.call("pid", json!({})).await, pid);
    world.fleet.close().await;
}

#[tokio::test]
async fn what_an_open_port_cannot_become_is_told() {
    let world = World::new(config(vec![fixture("a", "echo")]));
    let mut other = with(&world, vec![fixture("a", "echo")]);
    other.http.port = 1;
    assert_eq!(world.fleet.reload(other).unwrap().needs_restart, ["port"]);
    world.fleet.close().await;
}

#[tokio::test]
async fn keys_and_limits_apply_at_once() {
    let mut world = World::new(config(vec![fixture("a", "echo")]));
    world.arrived(1).await;
    let session = world.session("/mcp").await;
    let pid = session.call("pid", json!({})).await;
    let mut locked = with(&world, vec![fixture("a", "echo")]);
    locked.http.auth.api_key = Some(Secret::new("key"));
    locked.http.max_body_size = Some(1000);
    assert!(world.fleet.reload(locked.clone()).unwrap().settings);
    assert_eq!(session.post("{}").await.0, 401);
    let key = "X-API-Key: key\r\n";
    let large = " ".repeat(2000);
    assert_eq!(world.send("POST", "/mcp", key, &large).await.0, 413);
    let mut open = with(&world, vec![fixture("a", "echo")]);
    open.http.max_sessions = 1;
    world.fleet.reload(open).unwrap();
    assert_eq!(session.call("pid", json!({})).await, pid);
    let initialize = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
    assert_eq!(world.send("POST", "/mcp", "", initialize).await.0, 503);
    world.fleet.close().await;
}
