//! GET: the stream that answers no call, and resumption. DELETE: the end of a session.

use std::sync::Arc;

use http::{StatusCode, request::Parts};

use super::{check_events, check_version, primes};
use crate::{
    cluster::Outbound,
    downstream::http::session::{Attachment, Name, Reading, Unresumed},
    downstream::http::{
        answer::standing,
        elsewhere::{Handed, copy_of},
        header::{LAST_EVENT_ID, SESSION_ID, session_id, text},
        mount::Mount,
        reject::Rejection,
        requester::Requester,
        response::{Response, empty_text},
    },
    telemetry::console,
};

/// Most bytes of a client's text that are logged.
const MAX_SHOWN: usize = 100;

impl Mount {
    /// `GET`: opens the standalone stream or resumes another one.
    pub(in crate::downstream::http) async fn open_standalone(
        self: &Arc<Self>,
        mut head: Parts,
        requester: Requester,
    ) -> Result<Response, Rejection> {
        if self.stateless {
            return Err(Rejection::MethodNotAllowed("POST"));
        }
        let Some(id) = session_id(&head.headers).map(ToOwned::to_owned) else {
            return self.without_session_id("No sessionId");
        };
        let attachment = match self.admitted(&mut head, requester, &id).await? {
            Ok(attachment) => attachment,
            Err(refused) => return Ok(*refused),
        };
        let headers = &head.headers;
        let last = text(headers, &LAST_EVENT_ID).filter(|last| !last.trim().is_empty());
        if let Some(last) = last {
            let shown = last.get(..MAX_SHOWN).unwrap_or(last);
            console!(
                "[mcp-proxy] client reconnecting with Last-Event-ID {shown} for session ID {id}"
            );
        } else {
            console!("[mcp-proxy] establishing new SSE stream for session ID {id}");
        }
        check_events(headers)?;
        let session = attachment.session();
        check_version(headers, session.connection())?;
        if let Some(last) = last.filter(|_| session.is_logged()) {
            let replayed = session.replay(last).await;
            return self.resumed(replayed, attachment);
        }
        let reading = session.standalone().attach();
        if primes(headers, session) {
            session.prime(session.standalone());
        }
        self.resumed(Ok(reading), attachment)
    }

    /// The response to a client that returns for the rest of a stream. `204 No Content` tells it
    /// not to return again (WHATWG HTML, server-sent events).
    fn resumed(
        self: &Arc<Self>,
        resumed: Result<Reading, Unresumed>,
        attachment: Attachment,
    ) -> Result<Response, Rejection> {
        match resumed {
            Ok(reading) => {
                let session = attachment.session();
                let (name, expiry) = (session.name().clone(), Arc::clone(session.expiry()));
                let mut response = self.streamed_until(reading, attachment, expiry);
                add_session_id(&mut response, &name);
                Ok(standing(response))
            }
            Err(Unresumed::Over) => Ok(empty_text(StatusCode::NO_CONTENT)),
            Err(Unresumed::Unknown) => Err(Rejection::InvalidEventId),
            Err(Unresumed::Failed) => Err(Rejection::ReplayFailed),
        }
    }

    /// An event stream of a session; the guard lives as long as the stream.
    pub(super) fn stream_response(
        self: &Arc<Self>,
        reading: Reading,
        name: &Name,
        guard: impl Send + Sync + 'static,
    ) -> Response {
        let mut response = self.streamed(reading, guard);
        add_session_id(&mut response, name);
        response
    }

    /// `DELETE`: ends the session.
    pub(in crate::downstream::http) async fn delete(
        self: &Arc<Self>,
        mut head: Parts,
        requester: Requester,
    ) -> Result<Response, Rejection> {
        console!("[mcp-proxy] received delete request");
        if self.stateless {
            return Err(Rejection::MethodNotAllowed("POST"));
        }
        let Some(id) = session_id(&head.headers).map(ToOwned::to_owned) else {
            return self.without_session_id("Invalid or missing sessionId");
        };
        console!("[mcp-proxy] received delete request for session {id}");
        let attachment = match self.admitted(&mut head, requester, &id).await? {
            Ok(attachment) => attachment,
            Err(refused) => return Ok(*refused),
        };
        check_version(&head.headers, attachment.session().connection())?;
        let session = self.registry.remove(attachment.session().id());
        session.ok_or(Rejection::UnknownSession)?.close();
        Ok(empty_text(StatusCode::OK))
    }

    fn without_session_id(&self, text: &'static str) -> Result<Response, Rejection> {
        if self.common.authenticates() {
            return Ok(self.common.no_session(b"null"));
        }
        Err(Rejection::NoSessionId(text))
    }

    /// The session, if the caller may use it. Other callers do not learn whether it exists.
    async fn admitted(
        self: &Arc<Self>,
        head: &mut Parts,
        requester: Requester,
        id: &str,
    ) -> Result<Result<Attachment, Box<Response>>, Rejection> {
        let mut attachment = self.registry.attach(id);
        let identity = match self.common.admit(head, None, requester.identity).await {
            Ok(identity) => identity,
            Err(denial) => return Ok(Err(Box::new(self.common.denied(denial, b"null")))),
        };
        if self.common.cluster.is_some() && attachment.is_none() {
            let handing = self.hand_over(id, copy_of(head), Outbound::default(), &identity);
            if let Handed::Answered(response) = handing.await? {
                return Ok(Err(Box::new(response)));
            }
            attachment = self.registry.attach(id);
        }
        let own = attachment.filter(|known| known.session().is_shown(&identity));
        own.map(Ok).ok_or(Rejection::UnknownSession)
    }
}

pub(super) fn add_session_id(response: &mut Response, name: &Name) {
    response.headers_mut().insert(SESSION_ID, name.header().clone());
}
