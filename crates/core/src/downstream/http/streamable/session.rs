//! GET: the stream of messages that answer nothing, and resumption. DELETE: the end of a session.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode};

use super::{check_accept, check_version};
use crate::{
    codec::event_stream::EventId,
    downstream::http::{
        events::Events,
        front::{Front, LAST_EVENT_ID, SESSION_ID, text},
        reject::Rejection,
        response::{Response, ResponseBody, empty_text, event_stream},
    },
    session::{Attachment, Resumed, Session, Stream},
    telemetry::console,
};

const STREAM_TAKEN: &str = "Stream already has an active connection";
const STANDALONE_TAKEN: &str = "Only one SSE stream is allowed per session";

impl Front {
    /// `GET`: opens the standalone stream or resumes any.
    pub(in crate::downstream::http) fn open_standalone(
        &self,
        headers: &HeaderMap,
    ) -> Result<Response, Rejection> {
        if self.stateless {
            return Err(Rejection::MethodNotAllowed);
        }
        let id = text(headers, &SESSION_ID).ok_or(Rejection::NoSessionId("No sessionId"))?;
        let attachment = self.registry.attach(id).ok_or(Rejection::UnknownSession)?;
        let last = text(headers, &LAST_EVENT_ID);
        match last {
            Some(last) => console!(
                "[mcp-proxy] client reconnecting with Last-Event-ID {last} for session ID {id}"
            ),
            None => console!("[mcp-proxy] establishing new SSE stream for session ID {id}"),
        }
        check_accept(headers, &["text/event-stream"], "Client must accept text/event-stream")?;
        check_version(headers)?;
        let session = attachment.session();
        let stream = match last.filter(|_| session.is_resumable()) {
            Some(last) => resume(session, last)?,
            None if session.standalone().attach() => Arc::clone(session.standalone()),
            None => return Err(Rejection::Conflict(STANDALONE_TAKEN)),
        };
        Ok(stream_response(stream, attachment))
    }

    /// `DELETE`: ends the session.
    pub(in crate::downstream::http) fn delete(
        &self,
        headers: &HeaderMap,
    ) -> Result<Response, Rejection> {
        console!("[mcp-proxy] received delete request");
        if self.stateless {
            return Err(Rejection::MethodNotAllowed);
        }
        let missing = Rejection::NoSessionId("Invalid or missing sessionId");
        let id = text(headers, &SESSION_ID).ok_or(missing)?;
        console!("[mcp-proxy] received delete request for session {id}");
        let attachment = self.registry.attach(id).ok_or(Rejection::UnknownSession)?;
        check_version(headers)?;
        let session = self.registry.remove(attachment.session().id());
        session.ok_or(Rejection::UnknownSession)?.close();
        Ok(empty_text(StatusCode::OK))
    }
}

fn resume(session: &Arc<Session>, last: &str) -> Result<Arc<Stream>, Rejection> {
    let last = EventId::parse(last).ok_or(Rejection::InvalidEventId)?;
    session.resume(last).map_err(|refused| match refused {
        Resumed::Taken => Rejection::Conflict(STREAM_TAKEN),
        Resumed::Attached | Resumed::Unknown => Rejection::InvalidEventId,
    })
}

/// An event stream of a session, already attached.
pub(super) fn stream_response(stream: Arc<Stream>, attachment: Attachment) -> Response {
    let id = attachment.session().id();
    let mut response = event_stream(ResponseBody::Events(Events::new(stream, attachment)));
    add_session_id(&mut response, id);
    response
}

pub(super) fn add_session_id(response: &mut Response, id: uuid::Uuid) {
    let mut buffer = uuid::Uuid::encode_buffer();
    if let Ok(value) = HeaderValue::from_str(id.as_hyphenated().encode_lower(&mut buffer)) {
        response.headers_mut().insert(SESSION_ID, value);
    }
}
