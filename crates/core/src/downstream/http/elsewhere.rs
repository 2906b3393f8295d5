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
use http::{Request, StatusCode, request::Parts};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Either;
use hyper::body::Incoming;
use uuid::Uuid;

use super::{
    body,
    common::Common,
    custom_route::Aborted,
    guarded::{is_standing, standing},
    mount::Mount,
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
        Whereabouts, addressed, strip,
    },
    downstream::http::session::lenient_id_in,
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
    id: Uuid,
    /// The store was not asked just now.
    remembered: bool,
}

/// Where a session is.
pub(super) enum Sought {
    There(Way),
    /// It is here by now, if it is at all.
    Here,
}

impl Common {
    /// The way to the replica that has given this name to what waits there; the future gives `None`
    /// if that one is gone, and with it what waited. `None` if it was given here, or by nobody.
    pub(super) fn way_to_giver(
        &self,
        name: &str,
        head: &Parts,
    ) -> Option<BoxFuture<'static, Result<Option<Way>, Rejection>>> {
        let cluster = self.cluster.as_ref().filter(|_| !is_handed_over(head))?;
        let owner = cluster.names().elsewhere(name)?;
        let cluster = Arc::clone(cluster);
        Some(Box::pin(async move {
            match cluster.reach(owner).await {
                Ok(link) => {
                    Ok(Some(Way { cluster, owner, link, id: Uuid::nil(), remembered: false }))
                }
                Err(Unreached::Gone) => Ok(None),
                Err(Unreached::Away) => Err(Rejection::ReplicaAway),
            }
        }))
    }
}

impl Mount {
    /// Looks for a session that is not here. `None` if it can be nowhere else.
    pub(super) fn seek<'a>(
        self: &'a Arc<Self>,
        name: &str,
        head: &Parts,
    ) -> Option<BoxFuture<'a, Result<Sought, Rejection>>> {
        let cluster = Arc::clone(self.common.cluster.as_ref()?);
        let giver = cluster.names().owner(name)?;
        let id = lenient_id_in(name)?;
        if cluster.store().is_none() && giver == cluster.id() {
            return None;
        }
        let is_handed_over = is_handed_over(head);
        Some(Box::pin(async move {
            if cluster.store().is_some_and(|store| store.is_closed()) {
                return Err(Rejection::ReplicaAway);
            }
            if is_handed_over {
                // It may be on its way here.
                cluster.wait_for_taking(id).await;
                return Ok(Sought::Here);
            }
            match cluster.seek(id, giver).await {
                Ok(Whereabouts::At { owner, link, remembered }) => {
                    Ok(Sought::There(Way { cluster, owner, link, id, remembered }))
                }
                Ok(Whereabouts::Taken(taking)) => {
                    self.revive(&cluster, *taking).await?;
                    Ok(Sought::Here)
                }
                Ok(Whereabouts::Here) | Err(Unreached::Gone) => Ok(Sought::Here),
                Err(Unreached::Away) => Err(Rejection::ReplicaAway),
            }
        }))
    }
}

/// What has become of a request that was to be handed over.
pub(super) enum Handed {
    Answered(Response),
    /// It is for this replica to serve.
    Here(Parts, Outbound),
}

/// How often a request is handed over whose connection was given up at that moment.
const ATTEMPTS: usize = 3;

impl Mount {
    /// Hands a request for a session that is not here to whoever has it. `None` if nobody else can
    /// have it.
    pub(super) fn hand_over<'a>(
        self: &'a Arc<Self>,
        name: &str,
        head: Parts,
        body: Outbound,
        identity: &Identity,
    ) -> BoxFuture<'a, Result<Handed, Rejection>> {
        let (name, identity) = (name.to_owned(), identity.clone());
        Box::pin(async move {
            let (mut head, mut body) = (head, body);
            for _ in 0..ATTEMPTS {
                let Some(seeking) = self.seek(&name, &head) else { break };
                let sought = match seeking.await {
                    Ok(sought) => sought,
                    Err(rejection) => {
                        discard(body);
                        return Err(rejection);
                    }
                };
                let Sought::There(way) = sought else { break };
                match way.take(head, body, &identity).await? {
                    Handed::Here(again, whole) => (head, body) = (again, whole),
                    answered @ Handed::Answered(_) => return Ok(answered),
                }
            }
            Ok(Handed::Here(head, body))
        })
    }
}

fn discard(body: Outbound) {
    if let Either::Left(body) = body {
        body::discard(body);
    }
}

/// A head like this one, to be handed over.
pub(super) fn copy_of(head: &Parts) -> Parts {
    let (mut copy, ()) = Request::new(()).into_parts();
    copy.method = head.method.clone();
    copy.uri = head.uri.clone();
    copy.headers = head.headers.clone();
    copy.extensions = head.extensions.clone();
    copy
}

impl Way {
    /// Hands the request over for this caller.
    pub(super) fn take(
        self,
        head: Parts,
        body: Outbound,
        identity: &Identity,
    ) -> BoxFuture<'static, Result<Handed, Rejection>> {
        let identity = identity.clone();
        Box::pin(async move {
            let extensions = head.extensions.clone();
            let origin = extensions.get::<Origin>().copied().unwrap_or(Origin::UNKNOWN);
            let carried = Carried { identity, peer: origin.peer, encrypted: origin.encrypted };
            let request = addressed(Request::from_parts(head, body), &carried);
            let request = request.ok_or(Rejection::BadTarget)?;
            match self.cluster.forward(&self.link, request).await {
                // It may be that it is another one's by now.
                Ok(response) if response.status() == StatusCode::NOT_FOUND && self.remembered => {
                    self.cluster.forget(self.id);
                    if self.cluster.is_kept(self.id).await {
                        return Err(Rejection::ReplicaAway);
                    }
                    Ok(Handed::Answered(handed_back(response)))
                }
                Ok(response) => Ok(Handed::Answered(handed_back(response))),
                Err(Unforwarded::Returned(request)) => {
                    self.cluster.forget(self.id);
                    let (mut head, body) = request.into_parts();
                    strip(&mut head.headers);
                    head.extensions = extensions;
                    Ok(Handed::Here(head, body))
                }
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
        let requester = Requester { identity: carried.identity, address: None, caller };
        found.serve(head, body, requester).await.unwrap_or_else(|| Err(not_found(&routes)))
    }
}
