//! Answers for load balancers.

use mcp_proxy_core::config::{AuthConfig, Secret};

use super::{World, config, fixture};

#[tokio::test]
async fn a_fleet_is_ready_while_a_server_is_up() {
    let mut world = World::new(config(vec![fixture("bad", "exit 3"), fixture("good", "echo")]));
    for _ in 0..2 {
        world.arrival().await;
    }
    let ready = world.read("/readyz").await;
    assert_eq!(ready["ready"], true);
    let degraded = ready["degraded"][0].as_str().unwrap();
    assert!(degraded.starts_with("bad: "), "{degraded}");
    world.fleet.reload_failed("servers.json:3:1: a comma is missing".to_owned());
    let ready = world.read("/readyz").await;
    assert_eq!(ready["degraded"][0], "config: servers.json:3:1: a comma is missing");
    world.fleet.close().await;
}

#[tokio::test]
async fn a_fleet_is_not_ready_without_a_required_server() {
    let mut bad = fixture("bad", "exit 3");
    bad.required = true;
    let mut world = World::new(config(vec![bad, fixture("good", "echo")]));
    for _ in 0..2 {
        world.arrival().await;
    }
    let (status, body) = world.get("/readyz").await;
    assert_eq!(status, 503);
    assert!(body.contains(r#"the required server \"bad\""#), "{body}");
    world.fleet.close().await;
}

#[tokio::test]
async fn a_fleet_without_any_server_is_not_ready_unless_one_is_lazy() {
    for (lazy, expected) in [(false, 503), (true, 200)] {
        let mut other = fixture("other", "exit 3");
        other.lazy = lazy;
        let mut world = World::new(config(vec![fixture("bad", "exit 3"), other]));
        world.arrival().await;
        assert_eq!(world.get("/readyz").await.0, expected);
        world.fleet.close().await;
    }
}

#[tokio::test]
async fn the_list_of_servers_is_for_those_who_have_the_key() {
    let mut config = config(vec![fixture("a", "echo")]);
    config.http.auth = AuthConfig { api_key: Some(Secret::new("key")), ..AuthConfig::default() };
    let world = World::new(config);
    assert_eq!(world.get("/servers").await.0, 401);
    assert_eq!(world.send("GET", "/servers", "X-API-Key: key\r\n", "").await.0, 200);
    assert_eq!(world.send("POST", "/servers/a/mcp", "", "{}").await.0, 401);
    world.fleet.close().await;
}
