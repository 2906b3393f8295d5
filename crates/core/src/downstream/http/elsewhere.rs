//! Requests for another replica: they are forwarded to it, and its answer is returned.
//!
//! This replica, which the client has reached, finds out who sends a request. The replica that
//! serves it trusts that, on a connection between replicas. A forwarded request is served where it
//! arrives, or not at all.

use std::{future::ready, sync::Arc};

use futures_util::future::BoxFuture;
use http::{Request, StatusCode, request::Parts};
use uuid::Uuid;

use super::{
    answer::standing,
    body,
    common::Common,
    handed_back::HandedBack,
    handed_over::is_handed_over,
    mount::Mount,
    origin::Sender,
    reject::Rejection,
    response::{Response, ResponseBody},
};
use crate::{
    cluster::{
        Answer, Carried, Cluster, Link, Outbound, ReplicaId, STANDING, Unforwarded, Unreached,
        Whereabouts, addressed, strip,
    },
    downstream::http::session::lenient_id_in,
    host::Caller,
    identity::Identity,
};

/// The way to another replica.
pub(super) struct Way {
    cluster: Arc<Cluster>,
    owner: ReplicaId,
    link: Link,
    id: Uuid,
    /// The store has not confirmed it just now.
    unsure: bool,
}

/// The place of a session.
pub(super) enum Sought {
    There(Way),
    /// If the session exists, it is on this replica by now.
    Here,
}

impl Common {
    /// The way to the replica that gave this name; the future yields `None` if that replica has
    /// ended. `None` if this replica gave the name, or nobody did.
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
                Ok(link) => Ok(Some(Way { cluster, owner, link, id: Uuid::nil(), unsure: false })),
                Err(Unreached::Gone) => Ok(None),
                Err(Unreached::Away) => Err(Rejection::ReplicaAway),
            }
        }))
    }
}

impl Mount {
    /// Looks for a session that is not here. `None` if no other replica can have it.
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
        let is_closed = cluster.store().is_some_and(|store| store.is_closed());
        if !is_handed_over
            && !is_closed
            && let Some(Whereabouts::At { owner, link, unsure }) = cluster.found_before(id, giver)
        {
            let way = Way { cluster, owner, link, id, unsure };
            return Some(Box::pin(ready(Ok(Sought::There(way)))));
        }
        let caller = head.extensions.get::<Arc<Caller>>().map(Arc::clone);
        let address = Sender::of(&head.extensions).address;
        Some(Box::pin(async move {
            if is_closed {
                return Err(Rejection::ReplicaAway);
            }
            if is_handed_over {
                // The session may be on its way here.
                cluster.wait_for_taking(id).await;
                if let Some(taking) = cluster.retake(id).await {
                    self.revive(&cluster, *taking, address, caller).await?;
                }
                return Ok(Sought::Here);
            }
            match cluster.seek(id, giver).await {
                Ok(Whereabouts::At { owner, link, unsure }) => {
                    Ok(Sought::There(Way { cluster, owner, link, id, unsure }))
                }
                Ok(Whereabouts::Taken(taking)) => {
                    self.revive(&cluster, *taking, address, caller).await?;
                    Ok(Sought::Here)
                }
                Ok(Whereabouts::Here) | Err(Unreached::Gone) => Ok(Sought::Here),
                Err(Unreached::Away) => Err(Rejection::ReplicaAway),
            }
        }))
    }
}

/// The outcome of forwarding a request.
pub(super) enum Handed {
    Answered(Response),
    /// This replica must serve it.
    Here(Parts, Outbound),
}

/// How often a request is sent if its connection closes at that moment.
const ATTEMPTS: usize = 3;

impl Mount {
    /// Forwards a request for a session that is not here to the replica that has it. `None` if no
    /// other replica can have it.
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
            body.look_ahead().await;
            for _ in 0..ATTEMPTS {
                let Some(seeking) = self.seek(&name, &head) else { break };
                let sought = match seeking.await {
                    Ok(sought) => sought,
                    Err(rejection) => {
                        body::discard(body);
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

/// A copy of this head, to be forwarded.
pub(super) fn copy_of(head: &Parts) -> Parts {
    let (mut copy, ()) = Request::new(()).into_parts();
    copy.method = head.method.clone();
    copy.uri = head.uri.clone();
    copy.headers = head.headers.clone();
    copy.extensions = head.extensions.clone();
    copy
}

impl Way {
    /// Forwards the request on behalf of this caller.
    pub(super) async fn take(
        self,
        mut head: Parts,
        body: Outbound,
        identity: &Identity,
    ) -> Result<Handed, Rejection> {
        let Self { cluster, owner, link, id, unsure } = self;
        let extensions = std::mem::take(&mut head.extensions);
        let Sender { origin, address } = Sender::of(&extensions);
        let (peer, encrypted) = (origin.peer, origin.encrypted);
        let carried = Carried { identity: identity.clone(), peer, address, encrypted };
        let request = addressed(Request::from_parts(head, body), &carried);
        let request = request.ok_or(Rejection::BadTarget)?;
        match cluster.forward(link, request).await {
            // Another replica may have it by now.
            Ok(response) if response.status() == StatusCode::NOT_FOUND && unsure => {
                cluster.forget(id);
                if cluster.may_be_elsewhere(id, owner).await {
                    return Err(Rejection::ReplicaAway);
                }
                Ok(Handed::Answered(handed_back(response)))
            }
            Ok(response) => Ok(Handed::Answered(handed_back(response))),
            Err(Unforwarded::Returned(request)) => {
                cluster.forget(id);
                let (mut head, body) = request.into_parts();
                strip(&mut head.headers);
                head.extensions = extensions;
                Ok(Handed::Here(head, body))
            }
            Err(Unforwarded::Lost(error)) => {
                tracing::debug!(%error, replica = %owner, "a forwarded request was lost");
                Err(Rejection::ReplicaLost)
            }
        }
    }
}

/// Turns another replica's response into one of this front.
fn handed_back(response: http::Response<Answer>) -> Response {
    let (mut head, body) = response.into_parts();
    let stands = head.headers.contains_key(STANDING);
    strip(&mut head.headers);
    head.version = http::Version::HTTP_11;
    head.extensions.clear();
    let kind = head.headers.get(http::header::CONTENT_TYPE);
    let events = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    let body = Box::new(HandedBack::new(body, events));
    let response = http::Response::from_parts(head, ResponseBody::HandedBack(body));
    if stands { standing(response) } else { response }
}
