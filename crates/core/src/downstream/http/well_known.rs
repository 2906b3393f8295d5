//! The documents that say who grants access to an endpoint (RFC 9728 §3). The path of the endpoint
//! follows the document's name; without a path, the document is about the first endpoint.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
};
use http::{HeaderMap, Response, StatusCode, header};
use tokio::sync::watch;

use super::{
    reserved::{Access, Reserved},
    routes::Routes,
};
use crate::identity::Bearer;

const PREFIX: &str = "/.well-known/oauth-protected-resource";
const ISSUER_PREFIX: &str = "/.well-known/oauth-authorization-server";

#[derive(Clone)]
struct Documents {
    bearer: Arc<Bearer>,
    routes: watch::Receiver<Arc<Routes>>,
}

/// The routes of these documents, if there is anything to publish.
pub(super) fn well_known(bearer: Arc<Bearer>, table: &watch::Sender<Arc<Routes>>) -> Vec<Reserved> {
    if !bearer.has_issuers() {
        return Vec::new();
    }
    let mirrors = bearer.mirrors();
    let state = Documents { bearer, routes: table.subscribe() };
    let open = |prefix, router: Router| Reserved { prefix, access: Access::Everybody, router };
    let own = Router::new().fallback(document).with_state(state.clone());
    let issuer = Router::new().fallback(issuer_document).with_state(state);
    let mut reserved = vec![open(PREFIX, own)];
    reserved.extend(mirrors.then(|| open(ISSUER_PREFIX, issuer)));
    reserved
}

async fn document(State(documents): State<Documents>, request: Request) -> Response<Body> {
    if !matches!(request.method().as_str(), "GET" | "HEAD") {
        return answer(StatusCode::METHOD_NOT_ALLOWED, Body::empty());
    }
    let path = request.uri().path().strip_prefix(PREFIX).unwrap_or_default();
    match documents.about(path, request.headers()) {
        Some(text) => answer(StatusCode::OK, Body::from(text)),
        None => answer(StatusCode::NOT_FOUND, Body::empty()),
    }
}

/// Older clients ask at the root; some append the path of the endpoint.
async fn issuer_document(State(documents): State<Documents>, request: Request) -> Response<Body> {
    if !matches!(request.method().as_str(), "GET" | "HEAD") {
        return answer(StatusCode::METHOD_NOT_ALLOWED, Body::empty());
    }
    let path = request.uri().path().strip_prefix(ISSUER_PREFIX).unwrap_or_default();
    if documents.about(path, request.headers()).is_none() {
        return answer(StatusCode::NOT_FOUND, Body::empty());
    }
    match documents.bearer.mirrored().await {
        Some(text) => answer(StatusCode::OK, Body::from(text)),
        None => answer(StatusCode::NOT_FOUND, Body::empty()),
    }
}

impl Documents {
    fn about(&self, path: &str, headers: &HeaderMap) -> Option<String> {
        let routes = Arc::clone(&self.routes.borrow());
        let path = self.bearer.endpoint_of(path.trim_end_matches('/'));
        let endpoint = match path {
            "" => routes.primary(),
            path => routes.at(path)?.resource(path)?,
        };
        self.bearer.describe(&endpoint, headers)
    }
}

/// The content may depend on the requested host, so caches must not keep it for others.
fn answer(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if status == StatusCode::OK {
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    }
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}
