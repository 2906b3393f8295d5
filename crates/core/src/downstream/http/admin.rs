//! Routes that concern the proxy itself, not a server behind it.

use axum::{Router, body::Body, response::Response, routing::get};
use tower_http::catch_panic::CatchPanicLayer;

/// `/ping`: the process answers.
pub(super) fn routes() -> Router {
    Router::new().route("/ping", get(ping)).layer(CatchPanicLayer::new())
}

/// A bare text without a Content-Type, as the original sends it.
async fn ping() -> Response {
    Response::new(Body::from("pong"))
}
