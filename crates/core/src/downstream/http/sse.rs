//! The HTTP+SSE transport (MCP 2024-11-05, transports): one stream per client, posts beside it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use hyper::body::Incoming;
use uuid::Uuid;

use super::{
    body::{self, Unread},
    events::Events,
    front::{Front, MAX_SESSIONS, text},
    reject::{Rejection, upstream_error},
    response::{Response, ResponseBody, bare_text, empty, event_stream},
};
use crate::{
    jsonrpc::{Kind, Message},
    relay::{Connection, Outgoing, Reply, Sink},
    session::Stream,
};

/// The first message of every stream, which the original sends before anything is asked.
const GREETING: &[u8] = br#"{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"SSE Connection established","level":"info"}}"#;

/// Open streams by session id.
#[derive(Debug, Default)]
pub(super) struct SseSessions(Mutex<HashMap<Uuid, SseSession>>);

#[derive(Clone, Debug)]
struct SseSession {
    stream: Arc<Stream>,
    connection: Arc<dyn Connection>,
}

impl SseSessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, SseSession>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn close_all(&self) {
        let sessions: Vec<_> = self.lock().drain().map(|(_, session)| session).collect();
        for session in sessions {
            session.connection.close();
            session.stream.end();
        }
    }

    fn close(&self, id: Uuid) {
        let session = self.lock().remove(&id);
        if let Some(session) = session {
            session.connection.close();
        }
    }
}

/// Ends a session with its stream.
struct Closing {
    sessions: Arc<SseSessions>,
    id: Uuid,
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.sessions.close(self.id);
    }
}

impl Front {
    /// `GET` on the event stream endpoint: opens a session that lives as long as the response.
    pub(super) async fn open_sse(&self) -> Result<Response, Rejection> {
        if self.sse.lock().len() >= MAX_SESSIONS {
            return Err(Rejection::TooManySessions);
        }
        let stream = Arc::new(Stream::standalone(None));
        stream.attach();
        let unsolicited: Arc<dyn Sink> = stream.clone();
        let connection = match self.backend.open(Some(unsolicited)).await {
            Ok(connection) => connection,
            Err(error) => return Ok(upstream_error(&error, b"null")),
        };
        let id = Uuid::new_v4();
        stream.push_raw(format!("event: endpoint\ndata: /messages?sessionId={id}\n\n").as_bytes());
        stream.write(Outgoing {
            source: &Bytes::from_static(GREETING),
            edits: &[],
            response: false,
        });
        self.sse.lock().insert(id, SseSession { stream: Arc::clone(&stream), connection });
        let closing = Closing { sessions: Arc::clone(&self.sse), id };
        Ok(event_stream(ResponseBody::Events(Events::new(stream, closing))))
    }

    /// `POST /messages`: one message of a session; its answer travels on the session's stream.
    pub(super) async fn post_sse_message(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response, Rejection> {
        let bad = |text: String| Ok(bare_text(StatusCode::BAD_REQUEST, text));
        let Some(id) = session_id(request.uri().query()) else {
            return bad("No sessionId".to_owned());
        };
        let session = Uuid::try_parse(&id).ok().and_then(|id| self.sse.lock().get(&id).cloned());
        let Some(session) = session else { return bad("No active transport".to_owned()) };
        if let Err(problem) = check_content_type(request.headers()) {
            return bad(problem);
        }
        let body = match body::read(request.into_body(), self.max_body_size).await {
            Ok(body) => body,
            Err(Unread::Rejected(rejection)) => return Err(rejection),
            Err(Unread::Aborted) => return Ok(empty(StatusCode::BAD_REQUEST)),
        };
        let Ok(message) = Message::parse(body.clone()) else {
            return bad(format!("Invalid message: {}", String::from_utf8_lossy(&body)));
        };
        let reply = (message.kind() == Kind::Request)
            .then(|| Reply::to(&message, session.stream.clone() as Arc<dyn Sink>));
        if let Some(sending) = session.connection.send(message, reply) {
            sending.await;
        }
        Ok(bare_text(StatusCode::ACCEPTED, "Accepted"))
    }
}

fn session_id(query: Option<&str>) -> Option<String> {
    let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    let id = pairs.into_iter().find(|(name, _)| *name == "sessionId")?.1;
    (!id.is_empty()).then(|| id.to_owned())
}

/// The texts are those of the original's body parser.
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

    #[test]
    fn the_session_id_is_a_query_parameter() {
        assert_eq!(session_id(Some("x=1&sessionId=abc")), Some("abc".to_owned()));
        assert_eq!(session_id(Some("sessionId=")), None);
        assert_eq!(session_id(None), None);
    }
}
