//! The order in which a request is decided on. It is the original's, and it is observable.

use axum::extract::Request as AdminRequest;
use http::{HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use tower::ServiceExt;

use super::{
    front::Front,
    host::is_rebound,
    reject::Rejection,
    response::{Response, ResponseBody, empty},
    target,
};

const KEEP_ALIVE: header::HeaderName = header::HeaderName::from_static("keep-alive");
/// Raw prefix of the paths to which HTTP+SSE clients post.
const MESSAGES: &str = "/messages";

/// Where a connection comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    /// The peer is on this machine.
    pub(crate) loopback: bool,
}

impl Front {
    /// Answers one request.
    pub(crate) async fn serve(&self, request: Request<Incoming>, from: Origin) -> Response {
        let origin = request.headers().get(header::ORIGIN).cloned();
        let mut response = match self.route(request, from).await {
            Ok(response) => response,
            Err(rejection) => rejection.into_response(),
        };
        let headers = response.headers_mut();
        if let (Some(cors), Some(origin)) = (&self.cors, origin) {
            cors.answer(&origin, headers);
        }
        if !headers.contains_key(header::CONNECTION) {
            headers.insert(header::CONNECTION, HeaderValue::from_static("keep-alive"));
            headers.insert(KEEP_ALIVE, self.keep_alive.clone());
        }
        response
    }

    async fn route(&self, request: Request<Incoming>, from: Origin) -> Result<Response, Rejection> {
        if request.method() == Method::OPTIONS {
            return Ok(empty(StatusCode::NO_CONTENT));
        }
        if request.method() == Method::GET && request.uri() == "/ping" {
            return Ok(self.administer(request).await);
        }
        let path = target::path(request.uri()).ok_or(Rejection::BadTarget)?.into_owned();
        if from.loopback && is_rebound(request.headers(), &self.allowed_hosts) {
            return Err(Rejection::ForeignHost);
        }
        if !self.auth.admits(request.headers()) {
            return Ok(self.auth.refusal());
        }
        if let Some(endpoint) = &self.sse_endpoint {
            if request.method() == Method::GET && path == *endpoint {
                return self.open_sse().await;
            }
            if request.method() == Method::POST && raw_path(&request).starts_with(MESSAGES) {
                return self.post_sse_message(request).await;
            }
        }
        if self.stream_endpoint.as_ref() == Some(&path) {
            return match *request.method() {
                Method::POST => self.post(request).await,
                Method::GET => self.open_standalone(request.headers()),
                Method::DELETE => self.delete(request.headers()),
                _ => Err(Rejection::NotFound),
            };
        }
        Err(Rejection::NotFound)
    }

    async fn administer(&self, request: Request<Incoming>) -> Response {
        let request: AdminRequest = request.map(axum::body::Body::new);
        match self.admin.clone().oneshot(request).await {
            Ok(response) => response.map(ResponseBody::Other),
            Err(never) => match never {},
        }
    }
}

fn raw_path(request: &Request<Incoming>) -> &str {
    request.uri().path_and_query().map_or("/", |target| target.as_str())
}
