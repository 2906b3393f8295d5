//! All servers merged, and selections of them.

use mcp_proxy_core::config::GroupConfig;
use serde_json::json;

use super::{World, config, fixture};

#[tokio::test]
async fn every_call_reaches_the_server_that_its_name_says() {
    let servers = vec![fixture("one", "echo"), fixture("two", "slow"), fixture("bad", "exit 3")];
    let world = World::new(config(servers));
    let session = world.session("/mcp").await;
    let tools = session.tools().await;
    assert!(tools.contains(&"one__echo".to_owned()) && tools.contains(&"two__wait".to_owned()));
    let (one, two) =
        (world.session("/servers/one/mcp").await, world.session("/servers/two/mcp").await);
    assert_eq!(session.call("one__pid", json!({})).await, one.call("pid", json!({})).await);
    assert_eq!(session.call("two__pid", json!({})).await, two.call("pid", json!({})).await);
    let unknown = session.request("tools/call", json!({ "name": "three__pid" })).await;
    assert_eq!(unknown["error"]["code"], -32602);
    let forged = session.request("tools/list", json!({ "cursor": "forged" })).await;
    assert_eq!(forged["error"]["code"], -32602);
    world.fleet.close().await;
}

#[tokio::test]
async fn groups_and_selections_serve_a_part_with_the_same_names() {
    let servers = ["a", "b", "c"].map(|name| fixture(name, "echo")).to_vec();
    let groups = vec![GroupConfig { name: "my group".to_owned(), servers: vec!["b".to_owned()] }];
    let world = World::new(mcp_proxy_core::config::FleetConfig { groups, ..config(servers) });
    for (path, expected) in [
        ("/groups/my%20group/mcp", vec!["b__echo", "b__pid"]),
        ("/mcp?servers=b", vec!["b__echo", "b__pid"]),
        ("/mcp?servers=c,a", vec!["a__echo", "a__pid", "c__echo", "c__pid"]),
    ] {
        let session = world.session(path).await;
        let mut tools = session.tools().await;
        tools.sort();
        assert_eq!(tools, expected, "{path}");
        let other = session.request("tools/call", json!({ "name": "z__echo" })).await;
        assert_eq!(other["error"]["code"], -32602);
    }
    let initialize = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
    for path in
        ["/mcp?servers=d", "/mcp?servers=", "/mcp?servers=a,d", "/groups/my%20group/mcp?servers=a"]
    {
        assert_eq!(world.send("POST", path, "", initialize).await.0, 404, "{path}");
    }
    world.fleet.close().await;
}

#[tokio::test]
async fn a_lazy_server_rests_until_something_of_it_is_needed() {
    let mut lazy = fixture("lazy", "echo");
    lazy.lazy = true;
    let mut world = World::new(config(vec![lazy, fixture("other", "echo")]));
    world.arrived(1).await;
    let session = world.session("/mcp").await;
    assert_eq!(session.call("other__echo", json!({ "text": "x" })).await, "x");
    assert_eq!(world.read("/servers").await["servers"][0]["state"], "lazy");
    assert!(session.tools().await.contains(&"lazy__echo".to_owned()));
    world.arrived(1).await;
    world.fleet.close().await;
}
