//! The routes of the page.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Path, State},
    middleware::{from_fn, from_fn_with_state},
    response::Response,
    routing::{get, post},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tower_http::{catch_panic::CatchPanicLayer, set_header::SetResponseHeaderLayer};

use super::{
    assets,
    console::Consoles,
    events, gate, servers,
    shown::{Shown, plain},
};
use crate::telemetry::confide;

/// Only the program's own files may be loaded; pictures and sounds come out of messages.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data: blob:; media-src data: blob:; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";
const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
];
/// Longest message from the console.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// All of them.
pub(super) fn routes(shown: Arc<Shown>) -> Router {
    let data = Router::new()
        .route("/api/events/{from}", get(since))
        .route("/api/live/{from}", get(live))
        .route("/api/recording", get(recording))
        .route("/api/otlp", get(otlp))
        .route("/api/frame/{number}", get(frame))
        .route("/api/state", get(state))
        .route("/api/console", post(open_console))
        .route("/api/console/{id}", post(send))
        .layer(DefaultBodyLimit::max(MAX_MESSAGE))
        .layer(from_fn_with_state(Arc::clone(&shown), gate::with_token))
        .with_state(Arc::clone(&shown));
    let entrance = Router::new().route("/api/session", post(enter)).with_state(shown);
    let mut routes = data.merge(entrance);
    for (path, kind, text) in assets::FILES {
        routes = routes.route(path, get(move || async move { assets::file(kind, text) }));
    }
    for (name, value) in HEADERS {
        let name = HeaderName::from_static(name);
        let value = HeaderValue::from_static(value);
        routes = routes.layer(SetResponseHeaderLayer::if_not_present(name, value));
    }
    routes.layer(from_fn(gate::same_page)).layer(CatchPanicLayer::new())
}

/// Exchanges the token of the URL for a lasting one.
async fn enter(State(shown): State<Arc<Shown>>, headers: HeaderMap) -> Response {
    if let Some(session) = shown.keys.exchange(gate::token(&headers)) {
        return lines(format!("{{\"token\":\"{session}\"}}\n").into());
    }
    // Prints another URL, so that the user can open the page in a further browser or tab.
    if let Some(address) = shown.address.get().filter(|_| shown.keys.is_used()) {
        let url = shown.keys.url(*address);
        confide!("the URL of the inspection page was used already; the next one is {url}");
    }
    let text = "This URL was used already, or is from an earlier run: open the one that the proxy \
                has printed last.\n";
    plain(StatusCode::UNAUTHORIZED, text)
}

/// The frames from this number on. `x-next` is the number that the next new frame will have.
async fn since(State(shown): State<Arc<Shown>>, Path(from): Path<u64>) -> Response {
    let end = shown.watcher.ring().end();
    let mut response = lines(events::since(&shown, from).into());
    response.headers_mut().insert(HeaderName::from_static("x-next"), HeaderValue::from(end));
    response
}

/// The new frames, or only the newest ones if there are too many.
async fn live(State(shown): State<Arc<Shown>>, Path(from): Path<u64>) -> Response {
    lines(events::live(&shown, from).into())
}

/// All frames that are kept, as a recording.
async fn recording(State(shown): State<Arc<Shown>>) -> Response {
    let mut response = lines(events::recording(shown));
    let name = HeaderValue::from_static("attachment; filename=\"recording.jsonl\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    response
}

/// All frames that are kept, as log records of OpenTelemetry: an OTLP/JSON request in each line.
async fn otlp(State(shown): State<Arc<Shown>>) -> Response {
    let mut response = lines(events::otlp(shown));
    let name = HeaderValue::from_static("attachment; filename=\"otlp.jsonl\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    response
}

/// All of one frame.
async fn frame(State(shown): State<Arc<Shown>>, Path(number): Path<u64>) -> Response {
    match events::frame(&shown, number) {
        Some(line) => lines(Body::from(line)),
        None => plain(StatusCode::NOT_FOUND, "This message is no longer kept.\n"),
    }
}

async fn state(State(shown): State<Arc<Shown>>) -> Response {
    lines(serde_json::to_vec(&servers::state(&shown)).unwrap_or_default().into())
}

/// Opens a client for the page; the answer streams the messages for it.
async fn open_console(State(shown): State<Arc<Shown>>) -> Response {
    match shown.consoles.as_ref().map(Consoles::open) {
        None => plain(StatusCode::NOT_FOUND, "No server can be asked from this page.\n"),
        Some(None) => plain(StatusCode::SERVICE_UNAVAILABLE, "Too many consoles are open.\n"),
        Some(Some(body)) => lines(body),
    }
}

/// Sends a message from that client.
async fn send(State(shown): State<Arc<Shown>>, Path(id): Path<u64>, message: Bytes) -> Response {
    let sender = shown.consoles.as_ref().and_then(|consoles| consoles.sender(id));
    let Some(sender) = sender else {
        return plain(StatusCode::NOT_FOUND, "This console is closed.\n");
    };
    if memchr::memchr(b'\n', &message).is_some() {
        return plain(StatusCode::BAD_REQUEST, "The message must be on one line.\n");
    }
    match sender.send(message).await {
        Ok(()) => plain(StatusCode::ACCEPTED, ""),
        Err(_) => plain(StatusCode::NOT_FOUND, "This console is closed.\n"),
    }
}

fn lines(body: Body) -> Response {
    let mut response = Response::new(body);
    let kind = HeaderValue::from_static("application/x-ndjson; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
