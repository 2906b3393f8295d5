//! Each server at its own path, as if it were the only one.

use serde_json::json;

use super::{World, config, fixture};

#[tokio::test]
async fn bytes_pass_at_a_named_endpoint_and_at_the_one_of_an_only_server() {
    let two = vec![fixture("exact", "scripted"), fixture("other", "echo")];
    for (servers, path) in
        [(two, "/servers/exact/mcp"), (vec![fixture("exact", "scripted")], "/mcp")]
    {
        let world = World::new(config(servers));
        let session = world.session(path).await;
        for (tool, part) in [
            ("numbers", r#""big":12345678901234567890,"one":1.0,"huge":1e400"#),
            ("escapes", r"caf\u00e9 caf\u00E9 \/"),
            ("error", r#""code":-31999,"vendor":"x""#),
        ] {
            let call = format!(
                r#"{{"jsonrpc":"2.0","id":"caf\u00e9","method":"tools/call","params":{{"name":"{tool}"}}}}"#
            );
            let (status, answer) = session.post(&call).await;
            assert_eq!(status, 200);
            assert!(answer.starts_with(r#"{"jsonrpc":"2.0","id":"caf\u00e9","#), "{answer}");
            assert!(answer.contains(part), "{answer}");
        }
        world.fleet.close().await;
    }
}

#[tokio::test]
async fn names_are_encoded_in_paths_however_the_client_does_it() {
    let world = World::new(config(vec![fixture("a b/(é)", "echo"), fixture("x", "echo")]));
    for path in ["/servers/a%20b%2F%28%C3%A9%29/mcp", "/servers/a%20b%2f(%c3%a9)/mcp"] {
        let session = world.session(path).await;
        assert_eq!(session.call("echo", json!({ "text": "hello" })).await, "hello");
    }
    for path in ["/servers/a%20b/(%C3%A9)/mcp", "/servers/y/mcp", "/servers/x", "/groups/x/mcp"] {
        assert_eq!(world.send("POST", path, "", "{}").await.0, 404, "{path}");
    }
    world.fleet.close().await;
}

#[tokio::test]
async fn a_disabled_server_is_not_found_and_costs_no_process() {
    let mut off = fixture("off", "echo");
    off.enabled = false;
    let mut world = World::new(config(vec![off, fixture("on", "echo")]));
    world.arrived(1).await;
    assert_eq!(world.send("POST", "/servers/off/mcp", "", "{}").await.0, 404);
    let session = world.session("/mcp").await;
    assert!(session.tools().await.contains(&"echo".to_owned()), "one server has no prefix");
    let servers = world.read("/servers").await;
    assert_eq!(servers["servers"][0]["state"], "disabled");
    assert_eq!(servers["servers"][1]["state"], "up");
    assert_eq!(servers["servers"][1]["transport"], "stdio");
    assert_eq!(servers["servers"][1]["tools"], 2);
    assert_eq!(servers["servers"][1]["endpoints"], json!(["/servers/on/mcp", "/servers/on/sse"]));
    world.fleet.close().await;
}

#[tokio::test]
async fn one_bad_server_never_stops_the_others() {
    let mut unknown = fixture("unknown", "echo");
    unknown.upstream = Err("config.json:3:9: ${TOKEN} is not set".to_owned());
    let servers = vec![fixture("bad", "exit 3"), unknown, fixture("good", "echo")];
    let mut world = World::new(config(servers));
    let session = world.session("/servers/good/mcp").await;
    assert_eq!(session.call("echo", json!({ "text": "x" })).await, "x");
    let mut outcomes = std::collections::BTreeMap::new();
    while outcomes.len() < 3 {
        let arrival = world.arrival().await;
        outcomes.insert(arrival.name, arrival.outcome);
    }
    assert_eq!(outcomes["unknown"], Err("config.json:3:9: ${TOKEN} is not set".to_owned()));
    assert!(outcomes["bad"].is_err());
    let good = outcomes["good"].clone().unwrap();
    assert_eq!((good.server.as_deref(), good.tools), (Some("fixture 1.0.0"), Some(2)));
    let servers = world.read("/servers").await;
    assert_eq!(servers["servers"][1]["state"], "failing");
    assert_eq!(servers["servers"][1]["error"], "config.json:3:9: ${TOKEN} is not set");
    world.fleet.close().await;
}

#[tokio::test]
async fn a_lazy_server_starts_with_its_first_client() {
    let mut lazy = fixture("lazy", "echo");
    lazy.lazy = true;
    let mut world = World::new(config(vec![lazy, fixture("other", "echo")]));
    world.arrived(1).await;
    assert_eq!(world.read("/servers").await["servers"][0]["state"], "lazy");
    let session = world.session("/servers/lazy/mcp").await;
    assert_eq!(session.call("echo", json!({ "text": "x" })).await, "x");
    world.arrived(1).await;
    assert_eq!(world.read("/servers").await["servers"][0]["state"], "up");
    world.fleet.close().await;
}
