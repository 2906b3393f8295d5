//! The order in which a request is decided on. It is the original's, and it is observable.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use axum::body::Body;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use hyper::body::Incoming;
use tower::ServiceExt;

use super::{
    admin, body,
    custom_route::Aborted,
    front::Front,
    host::is_rebound,
    reject::Rejection,
    response::{Response, ResponseBody, empty},
    sse::no_sse_session,
    target,
};
use crate::host::Caller;

const KEEP_ALIVE: header::HeaderName = header::HeaderName::from_static("keep-alive");
/// Raw prefix of the paths to which HTTP+SSE clients post.
const MESSAGES: &str = "/messages";

/// Where a connection comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    /// The other end.
    pub(crate) peer: SocketAddr,
    /// Whether the connection is TLS.
    pub(crate) encrypted: bool,
}

impl Origin {
    /// The peer is on this machine.
    fn is_loopback(self) -> bool {
        self.peer.ip().to_canonical().is_loopback()
    }
}

/// A way to end a request other than by an answer of the front.
enum End {
    Rejected(Rejection),
    Aborted(Aborted),
}

impl From<Rejection> for End {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<Aborted> for End {
    fn from(aborted: Aborted) -> Self {
        Self::Aborted(aborted)
    }
}

impl Front {
    /// Answers one request.
    pub(crate) async fn serve(
        &self,
        request: Request<Incoming>,
        from: Origin,
    ) -> Result<Response, Aborted> {
        let origin = request.headers().get(header::ORIGIN).filter(|_| self.cors.is_some()).cloned();
        let allowed = match &origin {
            Some(origin) => self.allows(origin).await,
            None => None,
        };
        let mut response = match self.route(request, from).await {
            Ok(response) => response,
            Err(End::Rejected(rejection)) => {
                self.count_rejection(rejection.reason());
                rejection.into_response()
            }
            Err(End::Aborted(aborted)) => return Err(aborted),
        };
        if let Some(metrics) = &self.metrics {
            metrics.answered(response.status().as_u16());
        }
        let headers = response.headers_mut();
        if let (Some(cors), Some(origin), Some(allowed)) = (&self.cors, origin, allowed) {
            cors.answer(&origin, allowed, headers);
        }
        if !headers.contains_key(header::CONNECTION) {
            headers.insert(header::CONNECTION, HeaderValue::from_static("keep-alive"));
            headers.insert(KEEP_ALIVE, self.keep_alive.clone());
        }
        Ok(response)
    }

    /// What the host says of this origin, if it is the one to say; `None` sends no CORS headers.
    async fn allows(&self, origin: &HeaderValue) -> Option<bool> {
        let (Some(cors), Some(host)) = (&self.cors, &self.host) else { return Some(false) };
        if !cors.asks_host() {
            return Some(false);
        }
        host.allows_origin(origin.to_str().ok()?).await
    }

    /// The head of a request, kept where a host may ask for it.
    fn caller(&self, request: &Request<Incoming>, from: Origin) -> Option<Arc<Caller>> {
        self.host.as_ref()?;
        Some(Arc::new(Caller {
            method: request.method().clone(),
            target: request.uri().clone(),
            headers: request.headers().clone(),
            peer: from.peer,
            encrypted: from.encrypted,
            note: OnceLock::new(),
        }))
    }

    async fn route(&self, request: Request<Incoming>, from: Origin) -> Result<Response, End> {
        // RFC 9112, 3.2: whoever is in front may have decided by the other one.
        if request.headers().get_all(header::HOST).iter().nth(1).is_some() {
            return Err(Rejection::BadTarget.into());
        }
        if request.method() == Method::OPTIONS {
            return Ok(empty(StatusCode::NO_CONTENT));
        }
        let health = admin::is_health(request.method(), request.uri());
        let is_routed = self.host.as_ref().is_some_and(|host| host.routes());
        if health && !(is_routed && admin::is_optional(request.uri())) {
            return Ok(self.administer(request.map(Body::new)).await);
        }
        let path = target::path(request.uri()).ok_or(Rejection::BadTarget)?.into_owned();
        if from.is_loopback() && is_rebound(request.headers(), &self.allowed_hosts) {
            return Err(Rejection::ForeignHost.into());
        }
        let caller = self.caller(&request, from);
        if let Some(host) = self.host.as_ref().filter(|host| host.routes())
            && let Some(caller) = &caller
            && !self.is_endpoint(&path, &request)
        {
            let head = (request.method().clone(), request.uri().clone());
            return match self.serve_custom(host.as_ref(), caller, request).await? {
                Some(response) => Ok(response),
                None if health => Ok(self.administer(bodiless(head)).await),
                None => self.left_over(caller, &head),
            };
        }
        if !self.auth.admits(request.headers()) {
            body::discard(request.into_body());
            self.count_rejection("unauthorized");
            return Ok(self.auth.refusal());
        }
        if self.shows_metrics && admin::is_metrics(request.method(), request.uri()) {
            return Ok(self.administer(request.map(Body::new)).await);
        }
        if let Some(endpoint) = &self.sse_endpoint {
            if request.method() == Method::GET && path == *endpoint {
                return Ok(self.open_sse(caller).await?);
            }
            if request.method() == Method::POST && raw_path(request.uri()).starts_with(MESSAGES) {
                return Ok(self.post_sse_message(request, caller).await?);
            }
        }
        if self.stream_endpoint.as_ref() == Some(&path) {
            return Ok(match *request.method() {
                Method::POST => self.post(request, caller).await,
                Method::GET => self.open_standalone(request.headers(), caller.as_ref()).await,
                Method::DELETE => self.delete(request.headers(), caller.as_ref()).await,
                _ => Err(Rejection::NotFound),
            }?);
        }
        body::discard(request.into_body());
        Err(Rejection::NotFound.into())
    }

    /// Whether the front answers this itself; an HTTP+SSE message only while its session lives.
    fn is_endpoint(&self, path: &str, request: &Request<Incoming>) -> bool {
        let named = |endpoint: &Option<String>| endpoint.as_deref() == Some(path);
        named(&self.stream_endpoint)
            || named(&self.sse_endpoint)
            || (request.method() == Method::POST
                && self.sse_endpoint.is_some()
                && raw_path(request.uri()).starts_with(MESSAGES)
                && self.has_sse_session(request.uri().query()))
    }

    /// The answer to a request that the host was asked to serve and did not.
    fn left_over(
        &self,
        caller: &Caller,
        (method, target): &(Method, Uri),
    ) -> Result<Response, End> {
        if !self.auth.admits(&caller.headers) {
            self.count_rejection("unauthorized");
            return Ok(self.auth.refusal());
        }
        let message = *method == Method::POST && raw_path(target).starts_with(MESSAGES);
        if message && self.sse_endpoint.is_some() {
            return Ok(no_sse_session(target.query()));
        }
        Err(Rejection::NotFound.into())
    }

    pub(super) fn count_rejection(&self, reason: &'static str) {
        if let Some(metrics) = &self.metrics {
            metrics.rejected(reason);
        }
    }

    async fn administer(&self, request: Request<Body>) -> Response {
        match self.admin.clone().oneshot(request).await {
            Ok(response) => response.map(ResponseBody::Other),
            Err(never) => match never {},
        }
    }
}

/// A request without its body, which the host may have read.
fn bodiless((method, target): (Method, Uri)) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    *request.uri_mut() = target;
    request
}

fn raw_path(target: &Uri) -> &str {
    target.path_and_query().map_or("/", |target| target.as_str())
}
