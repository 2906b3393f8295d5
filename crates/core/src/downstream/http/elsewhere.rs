//! Requests for what another replica has: they are handed to it, and its answer is handed back.
//!
//! Who sends a request is found out here, where the client is; the replica that serves it believes
//! what it is told on a connection between replicas. A request that was handed over is served where
//! it came to, or not at all.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, request::Parts};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Either;
use hyper::body::Incoming;

use super::{
    common::Common,
    custom_route::Aborted,
    guarded::{is_standing, standing},
    port::Port,
    reject::Rejection,
    requester::Requester,
    response::{Response, ResponseBody},
    router::{End, Found, Origin, not_found},
    target,
};
use crate::{
    cluster::{
        Carried, Cluster, Link, Local, Outbound, ReplicaId, STANDING, Unforwarded, Unreached,
        addressed, strip, whole,
    },
    host::Caller,
    identity::Identity,
};

/// Marks a request that another replica has handed over, and so let in.
#[derive(Clone, Copy, Debug)]
struct HandedOver;

/// Whether another replica has let this request in.
pub(super) fn is_handed_over(head: &Parts) -> bool {
    head.extensions.get::<HandedOver>().is_some()
}

/// The way to another replica.
pub(super) struct Way {
    cluster: Arc<Cluster>,
    owner: ReplicaId,
    link: Link,
}

impl Common {
    fn owner_elsewhere(&self, name: &str, head: &Parts) -> Option<(&Arc<Cluster>, ReplicaId)> {
        let cluster = self.cluster.as_ref().filter(|_| !is_handed_over(head))?;
        Some((cluster, cluster.names().elsewhere(name)?))
    }

    /// The way to the replica that has what is called this. `None` if it is not another one's; the
    /// future gives `None` if that one is gone, and with it what it had.
    pub(super) fn way_to(
        &self,
        name: &str,
        head: &Parts,
    ) -> Option<BoxFuture<'static, Result<Option<Way>, Rejection>>> {
        let (cluster, owner) = self.owner_elsewhere(name, head)?;
        let cluster = Arc::clone(cluster);
        Some(Box::pin(async move {
            match cluster.reach(owner).await {
                Ok(link) => Ok(Some(Way { cluster, owner, link })),
                Err(Unreached::Gone) => Ok(None),
                Err(Unreached::Away) => Err(Rejection::ReplicaAway),
            }
        }))
    }
}

impl Way {
    /// Hands the request over for this caller.
    pub(super) fn take(
        self,
        head: Parts,
        body: Incoming,
        identity: Identity,
    ) -> BoxFuture<'static, Result<Response, Rejection>> {
        self.hand_over(head, Either::Left(body), identity)
    }

    /// Hands over a request without a body, or one whose body was read already.
    pub(super) fn take_whole(
        self,
        head: &mut Parts,
        body: Bytes,
        identity: Identity,
    ) -> BoxFuture<'static, Result<Response, Rejection>> {
        let (mut copy, ()) = Request::new(()).into_parts();
        copy.method = head.method.clone();
        copy.uri = head.uri.clone();
        copy.headers = std::mem::take(&mut head.headers);
        if let Some(origin) = head.extensions.get::<Origin>() {
            copy.extensions.insert(*origin);
        }
        self.hand_over(copy, whole(body), identity)
    }

    fn hand_over(
        self,
        head: Parts,
        body: Outbound,
        identity: Identity,
    ) -> BoxFuture<'static, Result<Response, Rejection>> {
        Box::pin(async move {
            let origin = head.extensions.get::<Origin>().copied().unwrap_or(Origin::UNKNOWN);
            let carried = Carried { identity, peer: origin.peer, encrypted: origin.encrypted };
            let request = addressed(Request::from_parts(head, body), &carried);
            let request = request.ok_or(Rejection::BadTarget)?;
            match self.cluster.forward(self.owner, self.link, request).await {
                Ok(response) => Ok(handed_back(response)),
                Err(Unforwarded::Unreached(Unreached::Gone)) => Err(Rejection::UnknownSession),
                Err(Unforwarded::Unreached(Unreached::Away)) => Err(Rejection::ReplicaAway),
                Err(Unforwarded::Lost(error)) => {
                    tracing::debug!(%error, replica = %self.owner, "a forwarded request was lost");
                    Err(Rejection::ReplicaLost)
                }
            }
        })
    }
}

/// The response of another replica as one of ours.
fn handed_back(response: http::Response<Incoming>) -> Response {
    let (mut head, body) = response.into_parts();
    let stands = head.headers.contains_key(STANDING);
    strip(&mut head.headers);
    head.version = http::Version::HTTP_11;
    head.extensions.clear();
    let kind = head.headers.get(http::header::CONTENT_TYPE);
    let events = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    let body = Box::new(HandedBack { body, events, between: true });
    let response = http::Response::from_parts(head, ResponseBody::HandedBack(body));
    if stands { standing(response) } else { response }
}

/// The body of another replica's response.
#[derive(Debug)]
pub(crate) struct HandedBack {
    body: Incoming,
    events: bool,
    /// Nothing of an event has come whose end has not.
    between: bool,
}

impl HandedBack {
    /// Whether something may be said between two events now.
    pub(super) fn is_between_events(&self) -> bool {
        self.events && self.between
    }

    pub(super) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context).map(|frame| {
            Some(match frame? {
                Ok(frame) => {
                    if let Some(data) = frame.data_ref().filter(|data| !data.is_empty()) {
                        self.between = data.ends_with(b"\n\n");
                    }
                    Ok(frame)
                }
                Err(error) => Err(axum::Error::new(error)),
            })
        })
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Local for Port {
    type Body = ResponseBody;

    fn serve(
        self: Arc<Self>,
        request: Request<Incoming>,
        carried: Carried,
    ) -> BoxFuture<'static, Response> {
        Box::pin(async move {
            let mut response = match self.serve_handed_over(request, carried).await {
                Ok(response) => response,
                Err(End::Rejected(rejection)) => {
                    self.common.count_rejection(rejection.reason());
                    rejection.into_response()
                }
                Err(End::Aborted(Aborted)) => Rejection::ReplayFailed.into_response(),
            };
            let stands = is_standing(&response);
            let headers = response.headers_mut();
            strip(headers);
            if stands {
                headers.insert(STANDING, http::HeaderValue::from_static("1"));
            }
            response
        })
    }

    fn refuse(&self) -> Response {
        Rejection::BadTarget.into_response()
    }
}

impl Port {
    async fn serve_handed_over(
        &self,
        request: Request<Incoming>,
        carried: Carried,
    ) -> Result<Response, End> {
        if let Some(cluster) = &self.common.cluster {
            cluster.count_received();
        }
        let (mut head, body) = request.into_parts();
        let target = head.uri.path_and_query().cloned().ok_or(Rejection::BadTarget)?;
        if let Some(host) = head.uri.authority().and_then(|host| host.as_str().parse().ok()) {
            head.headers.insert(http::header::HOST, host);
        }
        head.uri = target.into();
        head.version = http::Version::HTTP_11;
        head.extensions.insert(HandedOver);
        let caller = self.common.host.as_ref().map(|_| {
            Arc::new(Caller {
                method: head.method.clone(),
                target: head.uri.clone(),
                headers: head.headers.clone(),
                peer: carried.peer,
                encrypted: carried.encrypted,
                note: OnceLock::new(),
            })
        });
        if let Some(caller) = &caller {
            head.extensions.insert(Arc::clone(caller));
        }
        let path = target::path(&head.uri).ok_or(Rejection::BadTarget)?.into_owned();
        let routes = self.routes();
        let found = Found::of(&routes, &head, &path);
        let requester = Requester { identity: carried.identity, caller };
        found.serve(head, body, requester).await.unwrap_or_else(|| Err(not_found(&routes)))
    }
}
