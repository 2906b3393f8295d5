//! What continues at an endpoint that was removed from the table.

use axum::routing::get;

use super::*;

#[tokio::test]
async fn each_endpoint_has_its_paths_and_its_sessions() {
    let world = World::new(AuthConfig::default());
    let mounts = vec![world.mount("", "root"), world.mount("/servers/a", "a")];
    world.port.exchange(Routes::new(mounts));
    for (path, name) in [("/mcp", "root"), ("/servers/a/mcp", "a")] {
        let session = world.initialize(path).await;
        let answer = whole(world.post(path, Some(&session), CALL).await).await;
        assert!(answer.contains(&format!(r#"{{"name":"{name}"}}"#)), "{answer}");
        let other = if name == "a" { "/mcp" } else { "/servers/a/mcp" };
        let refused = world.post(other, Some(&session), CALL).await;
        assert_eq!(refused.status(), StatusCode::NOT_FOUND, "{other}");
    }
    assert_eq!(world.get("/servers/b/mcp").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn messages_belong_to_their_event_stream() {
    let world = World::new(AuthConfig::default());
    let mounts = vec![world.mount("", "root"), world.mount("/servers/a", "a")];
    world.port.exchange(Routes::new(mounts));
    for (sse, messages, name) in
        [("/sse", "/messages", "root"), ("/servers/a/sse", "/servers/a/messages", "a")]
    {
        let mut stream = world.get(sse).await;
        let first = until(&mut stream, "\n\n").await;
        let endpoint = first.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        assert!(endpoint.starts_with(&format!("{messages}?sessionId=")), "{endpoint}");
        assert_eq!(world.post(endpoint, None, CALL).await.status(), StatusCode::ACCEPTED);
        until(&mut stream, &format!(r#"{{"name":"{name}"}}"#)).await;
    }
}

#[tokio::test]
async fn a_table_is_exchanged_under_open_streams() {
    let world = World::new(AuthConfig::default());
    let old = world.mount("", "old");
    let over = old.over();
    world.port.exchange(Routes::new(vec![Arc::clone(&old)]));
    let session = world.initialize("/mcp").await;
    let mut stream = world.get("/sse").await;
    until(&mut stream, "\n\n").await;

    drop(world.port.exchange(Routes::new(vec![world.mount("", "new")])));
    let unknown = world.post("/mcp", Some(&session), CALL).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    let session = world.initialize("/mcp").await;
    let answer = whole(world.post("/mcp", Some(&session), CALL).await).await;
    assert!(answer.contains("new"), "{answer}");

    assert!(!over.is_cancelled());
    old.retire();
    drop(old);
    while stream.body_mut().frame().await.is_some() {}
    over.cancelled().await;
}

#[tokio::test]
async fn an_endpoint_is_held_by_the_streams_that_are_read() {
    let world = World::new(AuthConfig::default());
    let old = world.mount("", "old");
    let over = old.over();
    world.port.exchange(Routes::new(vec![old]));
    let mut stream = world.get("/sse").await;
    until(&mut stream, "\n\n").await;
    drop(world.port.exchange(Routes::default()));
    assert!(!over.is_cancelled());
    drop(stream);
    over.cancelled().await;
}

#[tokio::test]
async fn reserved_routes_are_served_where_no_endpoint_is() {
    let auth =
        AuthConfig { api_key: Some(crate::config::Secret::new("key")), ..AuthConfig::default() };
    let world = World::new(auth);
    let open = axum::Router::new().route("/.well-known/x", get(async || "open"));
    let closed = axum::Router::new().route("/servers", get(async || "closed"));
    let reserve = |prefix, access, router| Reserved { prefix, access, router };
    world.port.exchange(
        Routes::new(vec![world.mount("/servers/a", "a")])
            .with_reserved(reserve("/.well-known", Access::Everybody, open))
            .with_reserved(reserve("/servers", Access::Authenticated, closed)),
    );
    assert_eq!(whole(world.get("/.well-known/x").await).await, "open");
    assert_eq!(world.get("/servers").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(world.get("/servers/a/mcp").await.status(), StatusCode::UNAUTHORIZED);
    let with_key = Request::get("/servers").header("x-api-key", "key");
    assert_eq!(whole(world.send(with_key, "").await).await, "closed");
}
