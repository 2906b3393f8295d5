//! Routes that concern the proxy itself, not a server behind it: health and metrics.
//!
//! Health is served to everybody, so it contains no secrets. On the front, metrics require the API
//! key; on a port of their own they are open.

use std::sync::Arc;

use axum::{Router, body::Body, extract::State, response::Response, routing::get};
use http::{HeaderValue, Method, StatusCode, Uri, header};
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;

use super::{backlog::Backlog, routes::Routes};
use crate::{
    cluster::Cluster,
    downstream::http::session::Holdings,
    jsonrpc::escape,
    metrics::{
        Family, Levels, Metrics, Replicas, ServerLevel, expose, families, own_usage,
        usage_of_groups,
    },
    relay::{Named, Readiness},
    runtime::seats::Seats,
};

const PING: &str = "/ping";
const LIVE: &str = "/livez";
const READY: &str = "/readyz";
const METRICS: &str = "/metrics";

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The state that the routes use.
#[derive(Clone, Debug)]
pub(super) struct Admin {
    pub(super) readiness: Arc<dyn Readiness>,
    pub(super) metrics: Option<Arc<Metrics>>,
    pub(super) routes: watch::Receiver<Arc<Routes>>,
    pub(super) connections: Arc<Seats>,
    pub(super) backlog: Arc<Backlog>,
    pub(super) cluster: Option<Arc<Cluster>>,
}

/// Whether a request asks for health; `/ping` only if the original would answer it.
pub(super) fn is_health(method: &Method, uri: &Uri) -> bool {
    match *method {
        Method::GET | Method::HEAD => [PING, LIVE, READY].iter().any(|path| is_at(uri, path)),
        _ => false,
    }
}

/// Whether a target is this path, with or without slashes at its end.
fn is_at(uri: &Uri, path: &str) -> bool {
    uri == path || (uri.query().is_none() && uri.path().trim_end_matches('/') == path)
}

/// The target without slashes at its end, as in the routes.
pub(super) fn plain(uri: &Uri) -> Option<Uri> {
    let trimmed = uri.path().trim_end_matches('/');
    if trimmed == uri.path() || trimmed.is_empty() {
        return None;
    }
    trimmed.parse().ok()
}

/// Whether a route of the embedding program comes before this one: with the original, that is so
/// for `/ping` only.
pub(super) fn is_optional(uri: &Uri) -> bool {
    !is_at(uri, PING)
}

/// Whether a request asks for the metrics.
pub(super) fn is_metrics(method: &Method, uri: &Uri) -> bool {
    matches!(*method, Method::GET | Method::HEAD) && is_at(uri, METRICS)
}

/// All routes; the caller restricts who may reach them.
pub(super) fn routes(admin: Admin) -> Router {
    let mut routes =
        Router::new().route(PING, get(ping)).route(LIVE, get(live)).route(READY, get(ready));
    if admin.metrics.is_some() {
        routes = routes.route(METRICS, get(metrics));
    }
    routes.with_state(admin).layer(CatchPanicLayer::new())
}

/// A bare text without a Content-Type, as the original sends it.
async fn ping() -> Response {
    Response::new(Body::from("pong"))
}

/// The process runs.
async fn live() -> Response {
    document(StatusCode::OK, JSON, r#"{"live":true}"#.to_owned())
}

/// Whether a server can take calls, or why none can.
async fn ready(State(admin): State<Admin>) -> Response {
    let store = admin.cluster.as_ref().and_then(|cluster| cluster.store()?.trouble());
    let store = store.map(|trouble| format!("store: {trouble}"));
    let degraded: Vec<String> =
        admin.readiness.degraded().iter().chain(&store).map(|line| escape(line)).collect();
    let degraded = match degraded.as_slice() {
        [] => String::new(),
        lines => format!(r#","degraded":[{}]"#, lines.join(",")),
    };
    let replicas = admin.cluster.as_ref().map(|cluster| replicas(&cluster.levels()));
    let replicas = replicas.unwrap_or_default();
    let Some(unready) = admin.readiness.unready() else {
        return document(StatusCode::OK, JSON, format!(r#"{{"ready":true{degraded}{replicas}}}"#));
    };
    let text = format!(
        r#"{{"ready":false,"state":"{}","reason":{}{degraded}{replicas}}}"#,
        unready.state,
        escape(&unready.reason)
    );
    let mut response = document(StatusCode::SERVICE_UNAVAILABLE, JSON, text);
    if let Some(delay) = unready.retry_after {
        let seconds = HeaderValue::from(delay.as_secs().max(1));
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// How many other replicas there are, and how many sessions of this one they could continue.
fn replicas(levels: &Replicas) -> String {
    let Replicas { connected, missing, store, .. } = levels;
    let owned = store.as_ref().map(|store| format!(r#","owned":{}"#, store.held));
    let owned = owned.unwrap_or_default();
    format!(r#","replicas":{{"connected":{connected},"missing":{missing}{owned}}}"#)
}

async fn metrics(State(admin): State<Admin>) -> Response {
    match expose(admin.families()).ok() {
        Some(text) => document(StatusCode::OK, OPEN_METRICS, text),
        None => document(StatusCode::INTERNAL_SERVER_ERROR, OPEN_METRICS, String::new()),
    }
}

impl Admin {
    /// All metrics, as they are now; empty if nothing is counted.
    pub(super) fn families(&self) -> Vec<Family> {
        let metrics = self.metrics.as_ref();
        metrics.map(|metrics| families(metrics, &self.levels())).unwrap_or_default()
    }

    fn levels(&self) -> Levels {
        let routes = Arc::clone(&self.routes.borrow());
        let held = routes.mounts().iter().map(|mount| mount.held()).sum::<Holdings>();
        let servers = self.readiness.servers();
        Levels {
            sessions: held.sessions as u64,
            sse_sessions: held.sse_sessions as u64,
            connections: self.connections.taken() as u64,
            queued_for_clients: self.backlog.total() as u64,
            queued_for_servers: servers.queued_bytes as u64,
            stored_events: held.events as u64,
            stored_bytes: held.event_bytes as u64,
            ready: self.readiness.unready().is_none(),
            config_outdated: self.readiness.is_outdated(),
            named: self.readiness.named().iter().map(level).collect(),
            servers: servers.pids.len() as u64,
            restarts: servers.restarts,
            written_to_servers: servers.written_bytes,
            read_from_servers: servers.read_bytes,
            server_usage: usage_of_groups(&servers.pids),
            own_usage: own_usage(),
            replicas: self.cluster.as_ref().map(|cluster| cluster.levels()),
        }
    }
}

/// The health of one of several servers.
fn level(server: &Named) -> ServerLevel {
    ServerLevel {
        name: server.name.clone(),
        up: server.up,
        restarts: server.servers.restarts,
        processes: server.servers.pids.len() as u64,
        written_bytes: server.servers.written_bytes,
        read_bytes: server.servers.read_bytes,
    }
}

fn document(status: StatusCode, kind: HeaderValue, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_path_and_a_reading_method_ask_for_health() {
        let asks = |method: Method, target: &str| is_health(&method, &target.parse().unwrap());
        for path in [LIVE, READY] {
            assert!(asks(Method::GET, path) && asks(Method::HEAD, path), "{path}");
            assert!(!asks(Method::POST, path), "{path}");
            assert!(asks(Method::GET, &format!("{path}/")), "{path}");
            assert!(!asks(Method::GET, &format!("{path}/?x")), "{path}");
            assert!(!asks(Method::GET, &format!("/x/..{path}")), "{path}");
        }
        assert!(asks(Method::GET, PING));
        assert!(asks(Method::HEAD, PING));
        assert!(!asks(Method::GET, METRICS));
    }
}
