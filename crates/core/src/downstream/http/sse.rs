//! The HTTP+SSE transport (MCP 2024-11-05, transports): one stream per client, and separate POSTs.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header, request::Parts};

use super::{
    answer::standing,
    body::{self, Unread, check_coding},
    elsewhere::Handed,
    forwarded::Forwarded,
    gate::Step,
    header::text,
    held::Held,
    mount::Mount,
    reject::Rejection,
    requester::Requester,
    response::{Response, empty, plain_text},
    selection::selection,
    sse_sessions::{SseSession, session_id},
};
use crate::{
    cluster::Outbound,
    downstream::http::session::{MAX_CALL_BYTES, MAX_INITIALIZE, Name, Stream},
    era::Era,
    host::Caller,
    identity::{Expiry, Identity},
    jsonrpc::{Kind, Message},
    protocol::Method,
    relay::{Client, Outgoing, Sink},
    runtime::{beside::beside, seats::Seats},
    watch::SessionTag,
};

/// The first message of every stream; the original sends it before any request.
const GREETING: &[u8] = br#"{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"SSE Connection established","level":"info"}}"#;

/// Most bytes of a malformed body that are quoted in the answer.
const MAX_ECHOED: usize = 4096;

impl Mount {
    /// Whether the query names a session, of this replica or of another one.
    pub(super) fn has_sse_session(&self, query: Option<&str>) -> bool {
        self.sse.named(query).is_some() || self.is_named_elsewhere(query)
    }

    fn is_named_elsewhere(&self, query: Option<&str>) -> bool {
        let Some(cluster) = &self.common.cluster else { return false };
        session_id(query).is_some_and(|name| cluster.names().elsewhere(&name).is_some())
    }

    /// `GET` on the event stream endpoint: opens a session that lives as long as the response.
    pub(super) async fn open_sse(
        self: &Arc<Self>,
        mut head: Parts,
        requester: Requester,
    ) -> Result<Response, Rejection> {
        let Requester { identity, address, caller } = requester;
        let owner = match self.common.admit(&mut head, None, identity).await {
            Ok(owner) => owner,
            Err(denial) => return Ok(self.common.denied(denial, b"null")),
        };
        let seat = self.common.seats.take(1).ok_or(Rejection::TooManySessions)?;
        let name = Name::new(self.registry.names());
        let id = name.id();
        let stream = Stream::standalone(None).owned_by(id).counted_in(&self.common.backlog);
        let (stream, reading) = stream.attached();
        let unsolicited: Arc<dyn Sink> = Arc::<Stream>::clone(&stream);
        let (sessions, ended) = (Arc::downgrade(&self.sse), Arc::downgrade(&stream));
        let hang_up = move || {
            if let Some(stream) = ended.upgrade() {
                stream.end();
            }
            if let Some(sessions) = sessions.upgrade() {
                sessions.close(id);
            }
        };
        let client = Client {
            era: Era::Legacy,
            address,
            principal: owner.clone(),
            request: None,
            unsolicited: Some(unsolicited),
            session: Some(name.as_str().to_owned()),
            hang_up: caller.is_some().then(|| Arc::new(hang_up) as _),
            caller,
            selection: selection(&head.uri),
        };
        let connection = match self.backend.open(client).await {
            Ok(connection) => connection,
            Err(error) => return Ok(self.common.not_opened(error, Step::OpenSse, b"null")),
        };
        let said = head.extensions.get::<Forwarded>();
        let prefix = said.and_then(|said| said.prefix.as_deref()).unwrap_or_default();
        let messages = self.paths.announced(prefix);
        let endpoint = format!("event: endpoint\ndata: {messages}?sessionId={}\n\n", name.as_str());
        stream.push_raw(endpoint.as_bytes());
        stream.write(Outgoing::new(&Bytes::from_static(GREETING), &[], false));
        let max_in_flight = self.common.terms().max_in_flight;
        let (calls, seat) = (Seats::bearing(max_in_flight, MAX_CALL_BYTES), Arc::new(seat));
        let expiry = Arc::new(Expiry::of(&owner));
        let session = SseSession {
            name,
            owner,
            expiry: Arc::clone(&expiry),
            stream,
            connection,
            calls,
            _seat: seat,
            _tag: Arc::new(SessionTag::opened(id, "sse")),
        };
        let closing = self.sse.open(id, session);
        Ok(standing(self.streamed_until(reading, closing, expiry)))
    }

    /// `POST /messages`: one message of a session; the answer is sent on the session's stream.
    pub(super) async fn post_sse_message(
        self: &Arc<Self>,
        mut head: Parts,
        mut body: Outbound,
        requester: Requester,
    ) -> Result<Response, Rejection> {
        let bad = |text: String| Ok(plain_text(StatusCode::BAD_REQUEST, text));
        let Requester { identity, caller, .. } = requester;
        let session = self.sse.named(head.uri.query());
        let visited = session.as_ref().map(|session| (&*session.connection, &session.owner));
        let identity = match self.common.admit(&mut head, visited, identity).await {
            Ok(identity) => identity,
            Err(denial) => {
                body::discard(body);
                return Ok(self.common.denied(denial, b"null"));
            }
        };
        if self.common.cluster.is_some()
            && session.is_none()
            && let Some(name) = session_id(head.uri.query())
        {
            match self.hand_over(&name, head, body, &identity).await? {
                Handed::Answered(response) => return Ok(response),
                Handed::Here(here, unread) => (head, body) = (here, unread),
            }
        }
        let Some(session) = session.filter(|session| session.owner == identity) else {
            body::discard(body);
            return Ok(no_sse_session(head.uri.query()));
        };
        session.expiry.extend(&identity);
        if let Err(problem) = check_content_type(&head.headers) {
            return bad(problem);
        }
        check_coding(&head.headers)?;
        let end = head.extensions.get();
        let body = match body::read(body, self.common.terms().body_limits, end).await {
            Ok(body) => body,
            Err(Unread::Rejected(rejection)) => return Err(rejection),
            Err(Unread::Aborted) => return Ok(empty(StatusCode::BAD_REQUEST)),
        };
        let whole = body.clone();
        let Ok(message) = beside(body.len(), move || Message::parse(whole)).await else {
            let beginning = &body[..body.len().min(MAX_ECHOED)];
            return bad(format!("Invalid message: {}", String::from_utf8_lossy(beginning)));
        };
        if Method::of_bytes(&message.method_bytes()) == Method::Initialize
            && body.len() > MAX_INITIALIZE
        {
            return Err(Rejection::BodyTooLarge { limit: MAX_INITIALIZE });
        }
        self.send_sse_message(&session, &head, message, (&identity, caller)).await
    }

    async fn send_sse_message(
        self: &Arc<Self>,
        session: &SseSession,
        head: &Parts,
        message: Message,
        (identity, caller): (&Identity, Option<Arc<Caller>>),
    ) -> Result<Response, Rejection> {
        let calls = usize::from(message.kind() == Kind::Request);
        let bytes = if calls > 0 { message.bytes().len() } else { 0 };
        let seat = session.calls.take_for(calls, bytes).ok_or(Rejection::TooManyCalls)?;
        let message = self.common.traced(&head.headers, message);
        let reply = self.common.reply(
            &message,
            Arc::clone(&session.stream) as _,
            (Some(seat), identity),
            &self.whose,
        );
        let (mut waiting, bytes) = (Held::default(), message.bytes().len());
        waiting.add(bytes, session.connection.send(message, reply, caller.as_ref()));
        if !waiting.is_empty()
            && let Some(sending) = self.keep(waiting).await
        {
            // The 202 is sent only then, so that a client cannot send faster than the server reads.
            drop(sending.await);
        }
        Ok(plain_text(StatusCode::ACCEPTED, "Accepted"))
    }
}

/// The answer to a message for a session that does not exist.
pub(super) fn no_sse_session(query: Option<&str>) -> Response {
    let text = if session_id(query).is_some() { "No active transport" } else { "No sessionId" };
    plain_text(StatusCode::BAD_REQUEST, text)
}

/// The texts of the original's body parser.
fn check_content_type(headers: &HeaderMap) -> Result<(), String> {
    let Some(value) = text(headers, &header::CONTENT_TYPE) else {
        return Err("TypeError: argument string is required".to_owned());
    };
    let mut parts = value.split(';');
    let essence = parts.next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(format!("Error: Unsupported content-type: {essence}"));
    }
    for parameter in parts {
        let Some((name, value)) = parameter.trim().split_once('=') else {
            return Err("TypeError: invalid parameter format".to_owned());
        };
        let value = value.trim_matches('"');
        let utf8 =
            ["utf-8", "utf8", "us-ascii"].iter().any(|name| value.eq_ignore_ascii_case(name));
        if name.eq_ignore_ascii_case("charset") && !utf8 {
            return Err("UnsupportedMediaTypeError: specified encoding unsupported".to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_are_judged_like_the_original_does() {
        let check = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, value.parse().unwrap());
            check_content_type(&headers)
        };
        assert_eq!(check("application/json; charset=UTF-8"), Ok(()));
        assert_eq!(check("text/plain"), Err("Error: Unsupported content-type: text/plain".into()));
        assert_eq!(check("application/json; x"), Err("TypeError: invalid parameter format".into()));
        assert_eq!(
            check("application/json; charset=klingon"),
            Err("UnsupportedMediaTypeError: specified encoding unsupported".into())
        );
        assert_eq!(
            check_content_type(&HeaderMap::new()),
            Err("TypeError: argument string is required".into())
        );
    }
}
