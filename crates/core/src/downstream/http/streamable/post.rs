//! POST: messages from a client, in the order of checks that the original has.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use hyper::body::Incoming;

use super::{check_accept, check_version, exchange::Route, is_json};
use crate::{
    downstream::http::{
        body::{self, Unread},
        front::{Front, PROTOCOL_VERSION, SESSION_ID, text},
        reject::{MAX_BATCH, Rejection, upstream_error},
        response::{Response, empty, empty_text},
    },
    jsonrpc::{Body, Invalid, Kind, Message, split},
    protocol::{Method, primes_streams},
    relay::requested_version,
    session::Attachment,
};

const BOTH_TYPES: &str = "Client must accept both application/json and text/event-stream";

impl Front {
    /// `POST` to the stream endpoint.
    pub(in crate::downstream::http) async fn post(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response, Rejection> {
        let (head, body) = request.into_parts();
        let headers = &head.headers;
        let named = text(headers, &SESSION_ID).filter(|_| !self.stateless);
        // Attached before the body is read, so that a slow upload keeps its session.
        let attachment = named.map(|id| self.registry.attach(id));
        let body = match body::read(body, self.max_body_size).await {
            Ok(body) => parse(body),
            Err(Unread::Rejected(rejection)) => return Err(rejection),
            // Nobody is left to read the answer.
            Err(Unread::Aborted) => return Ok(empty(StatusCode::BAD_REQUEST)),
        };
        match attachment {
            Some(None) => Err(Rejection::UnknownSession),
            Some(Some(attachment)) => self.post_to_session(headers, attachment, body).await,
            None if self.stateless => self.post_alone(headers, body).await,
            None => match body {
                Ok(Body::One(message)) if is_initialize(&message) => {
                    self.create_session(headers, message).await
                }
                _ => Err(Rejection::NoSession),
            },
        }
    }

    async fn post_to_session(
        &self,
        headers: &HeaderMap,
        attachment: Attachment,
        body: Result<Body, Rejection>,
    ) -> Result<Response, Rejection> {
        let messages = acceptable(headers, body)?;
        if messages.iter().any(is_initialize) {
            return Err(if messages.len() == 1 {
                Rejection::AlreadyInitialized
            } else {
                Rejection::InitializeInBatch
            });
        }
        check_version(headers)?;
        if count_requests(&messages) == 0 {
            if let Some(connection) = attachment.session().connection() {
                for message in messages {
                    if let Some(sending) = connection.send(message, None) {
                        sending.await;
                    }
                }
            }
            return Ok(empty_text(StatusCode::ACCEPTED));
        }
        let primes = match text(headers, &PROTOCOL_VERSION) {
            Some(version) => primes_streams(version),
            None => attachment.session().primes(),
        };
        Ok(self.exchange(Route::Session { attachment, primes }, messages).await)
    }

    async fn create_session(
        &self,
        headers: &HeaderMap,
        message: Message,
    ) -> Result<Response, Rejection> {
        let messages = acceptable(headers, Ok(Body::One(message)))?;
        let session = self.registry.create(self.event_store).ok_or(Rejection::TooManySessions)?;
        let attachment = Attachment::new(session);
        let session = attachment.session();
        let opened = self.backend.open(Some(session.standalone().clone())).await;
        let connection = match opened {
            Ok(connection) => connection,
            Err(error) => return Ok(upstream_error(&error, id_of(&messages))),
        };
        let version = messages.first().and_then(requested_version);
        let primes = version.is_some_and(|version| primes_streams(&version));
        session.connect(connection, primes);
        self.registry.insert(std::sync::Arc::clone(session));
        Ok(self.exchange(Route::Session { attachment, primes }, messages).await)
    }

    /// A POST without a session, served on its own.
    async fn post_alone(
        &self,
        headers: &HeaderMap,
        body: Result<Body, Rejection>,
    ) -> Result<Response, Rejection> {
        let messages = acceptable(headers, body)?;
        let initializing = messages.iter().any(is_initialize);
        if initializing && messages.len() > 1 {
            return Err(Rejection::InitializeInBatch);
        }
        if !initializing {
            check_version(headers)?;
        }
        let requests = count_requests(&messages);
        if messages.is_empty() {
            return Ok(empty_text(StatusCode::ACCEPTED));
        }
        let connection = match self.backend.open(None).await {
            Ok(connection) => connection,
            Err(error) => return Ok(upstream_error(&error, id_of(&messages))),
        };
        let response = self.exchange(Route::Alone(connection), messages).await;
        Ok(if requests == 0 { empty_text(StatusCode::ACCEPTED) } else { response })
    }
}

fn parse(body: Bytes) -> Result<Body, Rejection> {
    split(body).map_err(|error| {
        if matches!(error, Invalid::Syntax(_) | Invalid::Utf8(_)) {
            crate::telemetry::console_error!("[mcp-proxy] error parsing body {error}");
        }
        Rejection::InvalidMessage
    })
}

/// The messages of a body that the transport can take.
fn acceptable(
    headers: &HeaderMap,
    body: Result<Body, Rejection>,
) -> Result<Vec<Message>, Rejection> {
    check_accept(headers, &["application/json", "text/event-stream"], BOTH_TYPES)?;
    if !is_json(headers) {
        return Err(Rejection::UnsupportedMediaType);
    }
    match body? {
        Body::One(message) => Ok(vec![message]),
        Body::Many(messages) if messages.len() > MAX_BATCH => Err(Rejection::BatchTooLong),
        Body::Many(messages) => Ok(messages),
    }
}

fn is_initialize(message: &Message) -> bool {
    message.kind() == Kind::Request && Method::of(&message.method()) == Method::Initialize
}

fn count_requests(messages: &[Message]) -> usize {
    messages.iter().filter(|message| message.kind() == Kind::Request).count()
}

fn id_of(messages: &[Message]) -> &[u8] {
    messages.first().and_then(Message::id).unwrap_or(b"null")
}
