//! `GET /servers`: the servers and their states, for callers who may use them.

use std::sync::Arc;

use axum::{Router, extract::State, response::IntoResponse, routing::get};
use http::{StatusCode, header};
use serde_json::{Value, json};
use tower_http::catch_panic::CatchPanicLayer;

use super::running::Running;
use crate::config::{FleetConfig, HttpConfig, segment};

/// The current content; `None` after the fleet was closed.
pub(super) type Listed = Arc<dyn Fn() -> Option<Value> + Send + Sync>;

/// Only the page itself exists; paths below it do not.
pub(super) fn router(listed: Listed) -> Router {
    let page = get(servers);
    Router::new()
        .route("/servers", page.clone())
        .route("/servers/", page)
        .with_state(listed)
        .layer(CatchPanicLayer::new())
}

/// Nothing is here.
pub(super) fn nothing() -> Router {
    Router::new()
}

async fn servers(State(listed): State<Listed>) -> impl IntoResponse {
    match listed() {
        Some(list) => (StatusCode::OK, HEADERS, list.to_string()),
        None => (StatusCode::SERVICE_UNAVAILABLE, HEADERS, String::new()),
    }
}

const HEADERS: [(header::HeaderName, &str); 2] = [
    (header::CONTENT_TYPE, "application/json; charset=utf-8"),
    (header::CACHE_CONTROL, "no-store"),
];

/// All servers of the file, switched on or not.
pub(super) fn list(config: &FleetConfig, running: &[Arc<Running>]) -> Value {
    let servers = config.servers.iter().map(|server| {
        match running.iter().find(|running| running.name() == server.name) {
            Some(running) => entry(running, &config.http),
            None => json!({
                "name": server.name, "state": "disabled", "transport": null, "endpoints": [],
                "tools": null, "error": null,
            }),
        }
    });
    json!({ "servers": servers.collect::<Vec<_>>() })
}

fn entry(server: &Running, http: &HttpConfig) -> Value {
    let unready = server.unready();
    let known = server.known.get();
    let (arrived, failure) = match known {
        Some(Ok(arrived)) => (Some(arrived), None),
        Some(Err(reason)) => (None, Some(reason)),
        None => (None, None),
    };
    let state = unready.as_ref().map_or("up", |unready| unready.state);
    let reason = unready.filter(|unready| unready.state != "lazy").map(|unready| unready.reason);
    json!({
        "name": server.name(),
        "state": state,
        "transport": Some(server.transport()).filter(|transport| !transport.is_empty()),
        "endpoints": endpoints(server.name(), http),
        "server": arrived.as_ref().and_then(|arrived| arrived.server.clone()),
        "tools": arrived.and_then(|arrived| arrived.tools),
        "error": reason.map(|reason| failure.unwrap_or(reason)),
    })
}

/// The paths of a server's own endpoints.
fn endpoints(name: &str, http: &HttpConfig) -> Vec<String> {
    let served = [(&http.stream_endpoint, "mcp"), (&http.sse_endpoint, "sse")];
    let served = served.into_iter().filter(|(endpoint, _)| endpoint.is_some());
    served.map(|(_, path)| format!("/servers/{}/{path}", segment(name))).collect()
}
