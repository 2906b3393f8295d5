//! The order of the checks of a request. It is the original's, and clients can observe it.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Instant,
};

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header, request::Parts};
use hyper::body::{Body as _, Incoming};
use tower::ServiceExt;

use super::{
    admin, body,
    cors::Cors,
    custom_route::Aborted,
    forwarded::{FORWARDED_PROTO, Forwarded, client_address},
    gate::Logged,
    head::{Length, Spelled},
    host::{is_foreign, is_rebound},
    mount::Mount,
    origin::{Origin, Sender},
    port::Port,
    reject::{NO_SERVER, Rejection, Unserved},
    requester::Requester,
    reserved::{Access, Reserved},
    response::{Response, ResponseBody, empty},
    routes::{Endpoints, Routes},
    seen::Seen,
    sse::no_sse_session,
    target,
    terms::Terms,
};
use crate::{
    cluster::Outbound,
    host::{Caller, Host},
    identity::{Endpoint, audit::Explanation},
    telemetry::audit::Refused,
    watch::within,
};

const KEEP_ALIVE: header::HeaderName = header::HeaderName::from_static("keep-alive");

/// Whether the request allows the connection to stay open.
#[derive(Clone, Copy)]
enum Persistence {
    Stays,
    StaysWithLength,
    Ends,
}

impl Persistence {
    fn of<B>(request: &Request<B>) -> Self {
        let values = request.headers().get_all(header::CONNECTION).iter();
        let mut options: Vec<&str> = Vec::new();
        for value in values {
            options.extend(value.to_str().unwrap_or_default().split(',').map(str::trim));
        }
        let has = |option: &str| options.iter().any(|one| one.eq_ignore_ascii_case(option));
        match request.version() {
            _ if has("close") => Self::Ends,
            http::Version::HTTP_10 if has("keep-alive") => Self::StaysWithLength,
            http::Version::HTTP_10 => Self::Ends,
            _ => Self::Stays,
        }
    }
}

/// What a page asks for before it sends its request (Fetch, CORS-preflight request).
struct Preflight {
    path: String,
    deletes: bool,
    /// In lower case.
    headers: Vec<String>,
}

impl Preflight {
    fn of<B>(request: &Request<B>) -> Option<Self> {
        if request.method() != Method::OPTIONS {
            return None;
        }
        let value = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let method = value(header::ACCESS_CONTROL_REQUEST_METHOD)?;
        let names = value(header::ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
        let names = names.split(',').map(|name| name.trim().to_ascii_lowercase());
        Some(Self {
            path: target::path(request.uri())?.into_owned(),
            deletes: method == "DELETE",
            headers: names.filter(|name| header::HeaderName::try_from(name).is_ok()).collect(),
        })
    }
}

/// Adds the missing names to a header that is a list.
fn add_to_list<'a>(
    headers: &mut HeaderMap,
    name: &header::HeaderName,
    words: impl Iterator<Item = &'a String>,
) {
    let Some(list) = headers.get(name).and_then(|value| value.to_str().ok()) else { return };
    let mut list = list.to_owned();
    for word in words {
        if !list.split(',').any(|known| known.trim().eq_ignore_ascii_case(word)) {
            list = format!("{list}, {word}");
        }
    }
    if let Ok(value) = HeaderValue::try_from(list) {
        headers.insert(name.clone(), value);
    }
}

/// A request that ends without an answer of an endpoint.
pub(super) enum End {
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

impl Port {
    /// Answers one request.
    pub(crate) async fn serve(
        &self,
        request: Request<Incoming>,
        from: Origin,
    ) -> Result<Response, Aborted> {
        let terms = self.common.terms();
        let cors = terms.cors.as_ref();
        let origin = request.headers().get(header::ORIGIN).filter(|_| cors.is_some()).cloned();
        let allowed = match &origin {
            Some(origin) => self.allows(origin, cors).await,
            None => None,
        };
        let persistence = Persistence::of(&request);
        let asked = cors.and_then(|_| Preflight::of(&request));
        let asked_for = (request.method().clone(), request.uri().clone());
        let address = self.client_address(request.headers(), from);
        let seen = Seen::of(&request);
        let routed = match &seen {
            Some(seen) => {
                Box::pin(within(seen.exchange(), self.route(request, from, &terms))).await
            }
            None => self.route(request, from, &terms).await,
        };
        let mut refused = None;
        let mut response = match routed {
            Ok(response) => response,
            Err(End::Rejected(rejection)) => {
                refused = Some(rejection.reason());
                self.common.count_rejection(rejection.reason());
                rejection.into_response()
            }
            Err(End::Aborted(aborted)) => return Err(aborted),
        };
        if response.extensions_mut().remove::<Unserved>().is_some() {
            refused = Some(NO_SERVER);
            self.common.count_rejection(NO_SERVER);
        }
        if let Some(metrics) = &self.common.metrics {
            metrics.answered(response.status().as_u16());
        }
        self.write_refusal(&mut response, refused, (&asked_for.0, &asked_for.1, address));
        let headers = response.headers_mut();
        if let (Some(cors), Some(origin), Some(allowed)) = (cors, origin, allowed) {
            cors.answer(&origin, allowed, headers);
            if let Some(asked) = asked {
                self.grant(&asked, headers);
            }
        }
        self.say_persistence(persistence, &mut response);
        if let Some(seen) = seen {
            seen.answered(&response, refused);
        }
        Ok(response)
    }

    /// Logs a refused request, if the refusal concerns security.
    fn write_refusal(
        &self,
        response: &mut Response,
        refused: Option<&'static str>,
        (method, target, peer): (&Method, &Uri, IpAddr),
    ) {
        let status = response.status();
        let why = response.extensions_mut().remove::<Arc<Explanation>>();
        if response.extensions_mut().remove::<Logged>().is_some() {
            return;
        }
        let reason = concern(status, refused).or(why.is_some().then_some("refused"));
        let Some(reason) = reason else { return };
        let request = format!("{method} {}", target.path());
        let line = Refused {
            reason,
            peer: Some(peer),
            status: Some(status.as_u16()),
            request: Some(&request),
            ..Refused::default()
        };
        self.common.audit.write(&match &why {
            Some(why) => why.add_to(line),
            None => line,
        });
    }

    /// The client's address, as reported by trusted proxies.
    fn client_address(&self, headers: &HeaderMap, from: Origin) -> IpAddr {
        client_address(from.peer.ip(), headers, &self.trusted_proxies)
    }

    /// Whether the connection stays open. An HTTP/1.0 client must ask for that and needs a length
    /// (RFC 9112, 9.3).
    fn say_persistence(&self, persistence: Persistence, response: &mut Response) {
        let stays = match persistence {
            Persistence::Ends => false,
            Persistence::StaysWithLength => response.body().size_hint().exact().is_some(),
            Persistence::Stays => true,
        };
        let headers = response.headers_mut();
        if !stays {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        } else if !headers.contains_key(header::CONNECTION) {
            headers.insert(header::CONNECTION, HeaderValue::from_static("keep-alive"));
            headers.insert(KEEP_ALIVE, self.keep_alive.clone());
        }
    }

    /// Adds to a preflight answer what every page needs to use an endpoint, even if it is not
    /// configured.
    fn grant(&self, asked: &Preflight, headers: &mut HeaderMap) {
        let needs_key = self.common.terms().auth.has_key();
        let granted = asked
            .headers
            .iter()
            .filter(|name| name.starts_with("mcp-param-") || (needs_key && *name == "x-api-key"));
        add_to_list(headers, &header::ACCESS_CONTROL_ALLOW_HEADERS, granted);
        let routes = self.routes();
        let is_stream = routes.at(&asked.path).is_some_and(|found| found.stream.is_some());
        let granted = asked.deletes && is_stream;
        let granted = granted.then(|| "DELETE".to_owned());
        add_to_list(headers, &header::ACCESS_CONTROL_ALLOW_METHODS, granted.iter());
    }

    /// The host's decision about this origin, if the host decides; `None` sends no CORS headers.
    async fn allows(&self, origin: &HeaderValue, cors: Option<&Cors>) -> Option<bool> {
        let (Some(cors), Some(host)) = (cors, &self.common.host) else { return Some(false) };
        if !cors.asks_host() {
            return Some(false);
        }
        host.allows_origin(origin.to_str().ok()?).await
    }

    /// The head of a request, kept if there is a host that may ask for it.
    fn caller(&self, request: &Request<Incoming>, from: Origin) -> Option<Arc<Caller>> {
        self.common.host.as_ref()?;
        Some(Arc::new(Caller {
            method: request.method().clone(),
            target: request.uri().clone(),
            headers: request.headers().clone(),
            peer: from.peer,
            local: from.local,
            spelled: request
                .extensions()
                .get()
                .map(|Spelled(names)| names.clone())
                .unwrap_or_default(),
            encrypted: from.encrypted,
            note: OnceLock::new(),
        }))
    }

    /// The request as it was before trusted proxies forwarded it, as far as the proxy needs that.
    /// Afterwards `X-Forwarded-Proto` can be trusted.
    fn as_sent(&self, mut request: Request<Incoming>, from: Origin) -> Request<Incoming> {
        let said = Forwarded::of(from.peer.ip(), request.headers(), &self.trusted_proxies);
        if let Some(host) = &said.host {
            request.headers_mut().insert(header::HOST, host.clone());
        }
        let headers = request.headers_mut();
        headers.remove(&FORWARDED_PROTO);
        if let Some(scheme) = said.scheme {
            headers.insert(FORWARDED_PROTO.clone(), HeaderValue::from_static(scheme));
        }
        if said.prefix.is_some() {
            request.extensions_mut().insert(said);
        }
        request
    }

    /// Whether the `Host` of a local request is one that no local client would send.
    fn is_foreign(&self, request: &Request<Incoming>, terms: &Terms) -> bool {
        let is_for_operator =
            self.shows_metrics && admin::is_metrics(request.method(), request.uri());
        let is_refused = if is_for_operator { is_foreign } else { is_rebound };
        is_refused(request.headers(), &terms.allowed_hosts)
    }

    async fn route(
        &self,
        request: Request<Incoming>,
        from: Origin,
        terms: &Terms,
    ) -> Result<Response, End> {
        if request.extensions().get() == Some(&Length::OfTooMuch) {
            return Err(Rejection::HeadTooLarge.into());
        }
        if is_read_in_two_ways(&request) {
            return Err(Rejection::BadFraming.into());
        }
        if request.method() == Method::OPTIONS {
            return Ok(empty(StatusCode::NO_CONTENT));
        }
        let host = self.common.host.as_ref().filter(|host| host.routes());
        let may_be_hosts = host.is_some() && admin::is_optional(request.uri());
        if admin::is_health(request.method(), request.uri()) && !may_be_hosts {
            return Ok(self.administer(request.map(Body::new)).await);
        }
        self.common
            .admission
            .request(self.client_address(request.headers(), from), Instant::now())
            .map_err(|wait| Rejection::RateLimited { wait })?;
        let path = target::path(request.uri()).ok_or(Rejection::BadTarget)?.into_owned();
        if from.is_loopback() && self.is_foreign(&request, terms) {
            return Err(Rejection::ForeignHost.into());
        }
        let caller = self.caller(&request, from);
        let request = self.as_sent(request, from);
        let routes = self.routes();
        let found = Found::of(&routes, request.method(), request.uri(), &path);
        if !found.is_endpoint(request.uri()) {
            let own = terms.well_known.iter().find(|reserved| reserved.takes(&path));
            if let Some(reserved) = own.or_else(|| routes.reserved(&path)) {
                return Ok(self.serve_reserved(reserved, request, routes.primary()).await);
            }
            if let (Some(host), Some(caller)) = (host, &caller) {
                return self.offer(&**host, caller, request, (&found, routes.primary())).await;
            }
        }
        self.serve_found(request, from, caller, (&found, &routes)).await
    }

    /// Paths that are not endpoints are served by the host, or else by the proxy itself.
    async fn offer(
        &self,
        host: &dyn Host,
        caller: &Arc<Caller>,
        request: Request<Incoming>,
        (found, primary): (&Found<'_>, Endpoint<'_>),
    ) -> Result<Response, End> {
        let head = (request.method().clone(), request.uri().clone());
        match self.serve_custom(host, caller, request).await? {
            Some(response) => Ok(response),
            None if admin::is_health(&head.0, &head.1) => Ok(self.administer(bodiless(head)).await),
            None => self.left_over(caller, found, primary).await,
        }
    }

    /// Checks the caller and serves the request at its endpoint.
    async fn serve_found(
        &self,
        request: Request<Incoming>,
        from: Origin,
        caller: Option<Arc<Caller>>,
        (found, routes): (&Found<'_>, &Routes),
    ) -> Result<Response, End> {
        let (mut head, body) = request.into_parts();
        let endpoint = found.asked(&head.method).unwrap_or_else(|| routes.primary());
        let identity = match self.common.identify(&head, &endpoint).await {
            Ok(identity) => identity,
            Err(denial) => {
                body::discard(body);
                return Ok(self.common.denied(denial, b"null"));
            }
        };
        if self.shows_metrics && admin::is_metrics(&head.method, &head.uri) {
            return Ok(self.administer(Request::from_parts(head, Body::new(body))).await);
        }
        if let Some(caller) = &caller {
            head.extensions.insert(Arc::clone(caller));
        }
        let address = Some(self.client_address(&head.headers, from));
        if self.common.cluster.is_some() {
            head.extensions.insert(Sender { origin: from, address });
        }
        let requester = Requester { identity, address, caller };
        found.serve(head, body.into(), requester).await.unwrap_or_else(|| Err(not_found(routes)))
    }

    /// The answer if the host was asked to serve a request and did not.
    async fn left_over(
        &self,
        caller: &Caller,
        found: &Found<'_>,
        primary: Endpoint<'_>,
    ) -> Result<Response, End> {
        let endpoint = found.asked(&caller.method).unwrap_or(primary);
        if let Err(denial) = self.common.identify(&head_of(caller), &endpoint).await {
            return Ok(self.common.denied(denial, b"null"));
        }
        match found.messages {
            Some(_) => Ok(no_sse_session(caller.target.query())),
            None => Err(not_found(&self.routes())),
        }
    }

    async fn serve_reserved(
        &self,
        reserved: &Reserved,
        request: Request<Incoming>,
        primary: Endpoint<'_>,
    ) -> Response {
        let (head, body) = request.into_parts();
        if reserved.access == Access::Authenticated
            && let Err(denial) = self.common.identify(&head, &primary).await
        {
            body::discard(body);
            return self.common.denied(denial, b"null");
        }
        through(reserved.router.clone(), Request::from_parts(head, Body::new(body))).await
    }

    async fn administer(&self, mut request: Request<Body>) -> Response {
        if let Some(plain) = admin::plain(request.uri()) {
            *request.uri_mut() = plain;
        }
        through(self.admin.clone(), request).await
    }
}

/// The entries of the table for a request.
pub(super) struct Found<'a> {
    endpoints: Option<&'a Endpoints>,
    messages: Option<&'a Arc<Mount>>,
}

impl<'a> Found<'a> {
    /// The entries for this target.
    pub(super) fn of(routes: &'a Routes, method: &Method, target: &Uri, path: &str) -> Self {
        Self { endpoints: routes.at(path), messages: routes.messages(method, target, path) }
    }

    /// The endpoint for a request with this method.
    fn asked(&self, method: &Method) -> Option<Endpoint<'_>> {
        let messages = self.messages.and_then(|mount| mount.sse_endpoint());
        messages.or_else(|| self.endpoints?.asked(method))
    }

    /// Whether the proxy answers this itself; for an HTTP+SSE message, only while its session
    /// exists.
    fn is_endpoint(&self, target: &Uri) -> bool {
        let named = |endpoints: &Endpoints| endpoints.stream.is_some() || endpoints.sse.is_some();
        self.endpoints.is_some_and(named)
            || self.messages.is_some_and(|mount| mount.has_sse_session(target.query()))
    }

    /// The answer; `None` if nothing is served there.
    pub(super) async fn serve(
        &self,
        head: Parts,
        body: Outbound,
        requester: Requester,
    ) -> Option<Result<Response, End>> {
        if let (&Method::HEAD, Some(endpoints)) = (&head.method, self.endpoints) {
            return Some(Err(Rejection::MethodNotAllowed(endpoints.methods()).into()));
        }
        let sse = self.endpoints.and_then(|endpoints| endpoints.sse.as_ref());
        let stream = self.endpoints.and_then(|endpoints| endpoints.stream.as_ref());
        let answer = if let Some(mount) = sse.filter(|_| head.method == Method::GET) {
            mount.open_sse(head, requester).await
        } else if let Some(mount) = self.messages {
            mount.post_sse_message(head, body, requester).await
        } else {
            match (stream, &head.method) {
                (Some(mount), &Method::POST) => mount.post(head, body, requester).await,
                (Some(mount), &Method::GET) => mount.open_standalone(head, requester).await,
                (Some(mount), &Method::DELETE) => mount.delete(head, requester).await,
                _ => {
                    body::discard(body);
                    return None;
                }
            }
        };
        Some(answer.map_err(End::from))
    }
}

pub(super) fn not_found(routes: &Routes) -> End {
    Rejection::NotFound(routes.listed()).into()
}

/// Why this answer is logged as a matter of access, if it is.
fn concern(status: StatusCode, refused: Option<&'static str>) -> Option<&'static str> {
    match (status, refused) {
        (StatusCode::BAD_REQUEST, refused) => refused.filter(|reason| *reason == "bad_framing"),
        (StatusCode::UNAUTHORIZED, refused) => refused.or(Some("unauthorized")),
        (StatusCode::FORBIDDEN, refused) => refused.or(Some("forbidden")),
        (StatusCode::TOO_MANY_REQUESTS, refused) => refused.or(Some("too_many_requests")),
        (
            StatusCode::REQUEST_TIMEOUT
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            | StatusCode::SERVICE_UNAVAILABLE,
            refused,
        ) => refused,
        _ => None,
    }
}

/// Whether a proxy in front may have read this head differently: with another host (RFC 9112, 3.2),
/// or with another end of the body (6.3).
fn is_read_in_two_ways(request: &Request<Incoming>) -> bool {
    let headers = request.headers();
    let length = request.extensions().get::<Length>();
    if headers.get_all(header::HOST).iter().nth(1).is_some() || length == Some(&Length::Repeated) {
        return true;
    }
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return false };
    !coding.as_bytes().eq_ignore_ascii_case(b"chunked")
        || codings.next().is_some()
        || length.is_some_and(|length| *length != Length::None)
}

/// The head of a request, from the kept copy.
fn head_of(caller: &Caller) -> Parts {
    let mut request = bodiless((caller.method.clone(), caller.target.clone()));
    *request.headers_mut() = caller.headers.clone();
    request.into_parts().0
}

async fn through(routes: axum::Router, request: Request<Body>) -> Response {
    match routes.oneshot(request).await {
        Ok(response) => response.map(ResponseBody::Other),
        Err(never) => match never {},
    }
}

/// A request without its body, since the host may have read that.
fn bodiless((method, target): (Method, Uri)) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    *request.uri_mut() = target;
    request
}
