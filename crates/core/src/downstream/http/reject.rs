//! Requests that end before they reach a server: all such answers of the front, in one place.

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use super::response::{Response, bare_text, empty, json, plain_text};
use crate::jsonrpc::{Code, ErrorBody, MAX_BATCH, MAX_ID};

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rejection {
    AlreadyInitialized,
    /// Another program might read a different request from the same bytes.
    BadFraming,
    BadTarget,
    BatchTooLong,
    BodyTooLarge {
        limit: usize,
    },
    BodyTooSlow {
        limit: Duration,
    },
    ForeignHost,
    HeadTooLarge,
    InitializeInBatch,
    InvalidEventId,
    InvalidMessage,
    /// An id or a progress token is too long to be kept.
    LongId,
    /// The body is JSON, but not a message.
    NoMessage,
    /// The allowed methods.
    MethodNotAllowed(&'static str),
    NotAcceptable(&'static str),
    /// The paths that are served.
    NotFound(String),
    /// No server is free for a session that continues here, and why.
    NoServer(String),
    NoSession,
    NoSessionId(&'static str),
    /// The address has sent too many requests.
    RateLimited {
        /// How long it has to wait.
        wait: Duration,
    },
    ReplayFailed,
    /// The replica that has the session does not answer.
    ReplicaAway,
    /// The replica that served the request was lost.
    ReplicaLost,
    TooManyCalls,
    TooManySessions,
    UnknownSession,
    UnsupportedCoding,
    UnsupportedMediaType,
    UnsupportedVersion {
        version: String,
        /// The supported versions.
        served: String,
    },
}

impl Rejection {
    /// The reason as one word, for the metrics.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::AlreadyInitialized => "already_initialized",
            Self::BadFraming => "bad_framing",
            Self::BadTarget => "bad_target",
            Self::BatchTooLong => "batch_too_long",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::BodyTooSlow { .. } => "body_too_slow",
            Self::ForeignHost => "foreign_host",
            Self::HeadTooLarge => "head_too_large",
            Self::InitializeInBatch => "initialize_in_batch",
            Self::InvalidEventId => "invalid_event_id",
            Self::InvalidMessage | Self::LongId | Self::NoMessage => "invalid_message",
            Self::MethodNotAllowed(_) => "method_not_allowed",
            Self::NotAcceptable(_) => "not_acceptable",
            Self::NotFound(_) => "not_found",
            Self::NoServer(_) => NO_SERVER,
            Self::NoSession | Self::NoSessionId(_) => "no_session",
            Self::RateLimited { .. } => "rate_limited",
            Self::ReplayFailed => "replay_failed",
            Self::ReplicaAway => "replica_away",
            Self::ReplicaLost => "replica_lost",
            Self::TooManyCalls => "too_many_calls",
            Self::TooManySessions => "too_many_sessions",
            Self::UnknownSession => "unknown_session",
            Self::UnsupportedCoding => "unsupported_coding",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::UnsupportedVersion { .. } => "unsupported_version",
        }
    }

    pub(super) fn into_response(self) -> Response {
        match self {
            Self::BadTarget => bare_text(StatusCode::BAD_REQUEST, "Bad Request"),
            Self::BadFraming => closing(bare_text(StatusCode::BAD_REQUEST, "Bad Request")),
            Self::HeadTooLarge => closing(empty(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)),
            Self::MethodNotAllowed(allowed) => {
                let mut response = bare_text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
                response
            }
            Self::NotFound(text) => plain_text(StatusCode::NOT_FOUND, text),
            Self::NoSessionId(text) => bare_text(StatusCode::BAD_REQUEST, text),
            other => other.into_json(),
        }
    }

    fn into_json(self) -> Response {
        let (status, code) = self.codes();
        let is_coded = self == Self::UnsupportedCoding;
        let closes = matches!(self, Self::BodyTooLarge { .. } | Self::BodyTooSlow { .. });
        let retry = match self {
            Self::TooManySessions => Some(HeaderValue::from_static("10")),
            Self::NoServer(_) | Self::ReplicaAway | Self::TooManyCalls => {
                Some(HeaderValue::from_static("1"))
            }
            Self::RateLimited { wait } => Some(HeaderValue::from(wait.as_secs().max(1))),
            _ => None,
        };
        let mut response = rpc_error(status, code, self.text(), None);
        let headers = response.headers_mut();
        if closes {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if is_coded {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        if let Some(seconds) = retry {
            headers.insert(header::RETRY_AFTER, seconds);
        }
        response
    }

    fn codes(&self) -> (StatusCode, Code) {
        match self {
            Self::AlreadyInitialized
            | Self::BatchTooLong
            | Self::InitializeInBatch
            | Self::LongId => (StatusCode::BAD_REQUEST, Code::InvalidRequest),
            Self::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, Code::InvalidRequest),
            Self::BodyTooSlow { .. } => (StatusCode::REQUEST_TIMEOUT, Code::Transport),
            Self::ForeignHost => (StatusCode::FORBIDDEN, Code::Transport),
            Self::InvalidMessage | Self::NoMessage => (StatusCode::BAD_REQUEST, Code::Parse),
            Self::NotAcceptable(_) => (StatusCode::NOT_ACCEPTABLE, Code::Transport),
            Self::ReplayFailed => (StatusCode::INTERNAL_SERVER_ERROR, Code::Transport),
            Self::ReplicaLost => (StatusCode::BAD_GATEWAY, Code::Transport),
            Self::RateLimited { .. } | Self::TooManyCalls => {
                (StatusCode::TOO_MANY_REQUESTS, Code::Transport)
            }
            Self::ReplicaAway | Self::TooManySessions => {
                (StatusCode::SERVICE_UNAVAILABLE, Code::Transport)
            }
            Self::NoServer(_) => (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable),
            Self::UnknownSession => (StatusCode::NOT_FOUND, Code::SessionNotFound),
            Self::UnsupportedCoding | Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::Transport)
            }
            _ => (StatusCode::BAD_REQUEST, Code::Transport),
        }
    }

    fn text(self) -> Cow<'static, str> {
        match self {
            Self::BatchTooLong => {
                format!("Invalid Request: Batch must not exceed {MAX_BATCH} messages").into()
            }
            Self::BodyTooLarge { limit } => {
                format!("Payload Too Large: request body exceeds {limit} bytes").into()
            }
            Self::BodyTooSlow { limit } => {
                let limit = limit.as_millis();
                format!("Request Timeout: the request body did not arrive within {limit} ms").into()
            }
            Self::LongId => format!(
                "Invalid Request: ids and progress tokens may have at most {MAX_ID} bytes"
            )
            .into(),
            Self::NoServer(text) => text.into(),
            Self::NotAcceptable(text) => format!("Not Acceptable: {text}").into(),
            Self::UnsupportedVersion { version, served } => format!(
                "Bad Request: Unsupported protocol version: {version} (supported versions: {served})"
            )
            .into(),
            other => other.fixed_text().into(),
        }
    }

    fn fixed_text(&self) -> &'static str {
        match self {
            Self::AlreadyInitialized => "Invalid Request: Server already initialized",
            Self::ForeignHost => {
                "Forbidden: this Host is not served to web pages over loopback; --allowedHosts \
                 adds host names"
            }
            Self::InitializeInBatch => {
                "Invalid Request: Only one initialization request is allowed"
            }
            Self::InvalidEventId => "Invalid event ID format",
            Self::InvalidMessage | Self::NoMessage => "Parse error: Invalid JSON-RPC message",
            Self::NoSession => "Bad Request: No valid session ID provided",
            Self::RateLimited { .. } => {
                "Too Many Requests: too many requests from this address; try again later"
            }
            Self::ReplayFailed => "Error replaying events",
            Self::ReplicaAway => {
                "Service Unavailable: the replica that has this session does not answer; try again"
            }
            Self::ReplicaLost => {
                "Bad Gateway: the replica that has this session was lost while it served this \
                 request, which may have run"
            }
            Self::TooManyCalls => {
                "Too Many Requests: too many calls of this session are under way; wait for some or \
                 cancel them"
            }
            Self::TooManySessions => "Service Unavailable: too many sessions; end some with DELETE",
            Self::UnknownSession => "Session not found",
            Self::UnsupportedCoding => {
                "Unsupported Media Type: the body has a Content-Encoding; send it without"
            }
            Self::UnsupportedMediaType => {
                "Unsupported Media Type: Content-Type must be application/json"
            }
            Self::BadFraming
            | Self::BadTarget
            | Self::BatchTooLong
            | Self::BodyTooLarge { .. }
            | Self::BodyTooSlow { .. }
            | Self::HeadTooLarge
            | Self::LongId
            | Self::MethodNotAllowed(_)
            | Self::NotAcceptable(_)
            | Self::NotFound(_)
            | Self::NoServer(_)
            | Self::NoSessionId(_)
            | Self::UnsupportedVersion { .. } => "",
        }
    }
}

/// The last answer on this connection.
fn closing(mut response: Response) -> Response {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

/// A JSON-RPC error as an HTTP answer; without a readable request its id is null.
pub(super) fn rpc_error(
    status: StatusCode,
    code: Code,
    message: impl Into<String>,
    id: Option<&[u8]>,
) -> Response {
    json(status, ErrorBody::new(code, message).response(id.unwrap_or(b"null")))
}

/// The server's JSON-RPC error, as the answer to a request.
pub(super) fn upstream_error(error: &ErrorBody, id: &[u8]) -> Response {
    let text: Bytes = error.response(id);
    if error.code != Code::Unavailable {
        return json(StatusCode::OK, text);
    }
    unavailable(text)
}

/// No server can take the request now; that may change in a moment.
pub(super) fn unavailable(body: Bytes) -> Response {
    let mut response = json(StatusCode::SERVICE_UNAVAILABLE, body);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response.extensions_mut().insert(Unserved);
    response
}

/// In the extensions of a response: there was no server for the request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unserved;

/// Why such a request was refused, for the log and the metrics.
pub(super) const NO_SERVER: &str = "no_server";
