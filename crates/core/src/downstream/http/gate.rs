//! What a host (the embedding program) is asked about a request, and the answers for its refusals.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use hyper::ext::ReasonPhrase;

use super::{
    charset,
    common::Common,
    denial::announce,
    handed_over::is_handed_over,
    reject::{rpc_error, unavailable, upstream_error},
    response::{Response, bare_text, json, with_body},
};
use crate::{
    host::{Refusal, Verbatim, Visited},
    identity::{Denial, Endpoint, Identity},
    jsonrpc::{Code, ErrorBody},
    relay::{Connection, Denied, OpenError},
    telemetry::console_error,
};

const LEGACY_SERVER: &str = "Unsupported protocol version: the server behind this endpoint cannot \
     serve the 2026-07-28 protocol revision. Create it with version 2 of the MCP SDK, or set `modern: \
     false` so that clients use an older revision.";
const AUTHENTICATION_FAILED: &str = "Unauthorized: Authentication failed";
const AUTHENTICATION_ERROR: &str = "Unauthorized: Authentication error";
const NO_CERTIFICATE: &str = "Unauthorized: a client certificate is required";
const NO_SESSION: &str = "Unauthorized: No valid session ID provided";
const CREATE_FAILED: &str = "Error creating server";
const CONNECT_FAILED: &str = "Error connecting to server";

/// In the extensions of a response: the refusal has been logged already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Logged;

/// The identity in a client's certificate.
#[derive(Clone)]
pub(super) struct Certified(pub(super) Identity);

/// What the front was about to do when a host refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Authenticate,
    /// Open a connection on the stream endpoint.
    Open,
    /// Open a connection for an HTTP+SSE stream.
    OpenSse,
}

impl Common {
    /// Whether the host tells callers apart.
    pub(super) fn authenticates(&self) -> bool {
        self.callback.is_some()
    }

    /// The sender of a request, whatever it is for.
    pub(super) async fn identify(
        &self,
        head: &Parts,
        endpoint: &Endpoint<'_>,
    ) -> Result<Identity, Denial> {
        let certified = head.extensions.get::<Certified>().map(|Certified(identity)| identity);
        // A connection without our handshake, through a tunnel, has shown no certificate.
        if self.needs_certificate && certified.is_none() {
            return Err(Denial::plain(StatusCode::UNAUTHORIZED, NO_CERTIFICATE));
        }
        let known = match &self.terms().authenticator {
            Some(authenticator) => match authenticator.recognise(head, endpoint) {
                Some(known) => known,
                None => authenticator.authenticate(head, endpoint).await?,
            },
            None => Identity::default(),
        };
        Ok(if known.is_one_caller() { known } else { certified.cloned().unwrap_or(known) })
    }

    /// What is known so far about the sender of a request.
    pub(super) async fn admit(
        &self,
        head: &mut Parts,
        session: Option<(&dyn Connection, &Identity)>,
        known: Identity,
    ) -> Result<Identity, Denial> {
        let Some(callback) = &self.callback else { return Ok(known) };
        let server = session.and_then(|(connection, owner)| Some((connection.server()?, owner)));
        // Another replica has asked already. If the host has a server, that server learns the
        // caller from the answer.
        if is_handed_over(head) && server.is_none() {
            return Ok(known);
        }
        if let Some((server, owner)) = server {
            let subject = owner.claims().map(|claims| claims.subject.clone());
            head.extensions.insert(Visited { server, subject });
        }
        let told = callback.authenticate(head).await?;
        Ok(if told.is_one_caller() { told } else { known })
    }

    /// The answer to a caller who is not let in; `id` is that of the request body.
    pub(super) fn denied(&self, denial: Denial, id: &[u8]) -> Response {
        match denial {
            Denial::Key => {
                self.count_rejection("unauthorized");
                self.terms().auth.refusal()
            }
            Denial::Host(refusal) => self.refused(refusal, Step::Authenticate, id),
            Denial::Token { status, challenge, message, why } => {
                self.count_rejection(match status {
                    StatusCode::UNAUTHORIZED => "unauthorized",
                    StatusCode::FORBIDDEN => "forbidden",
                    _ => "unverifiable",
                });
                let mut response = rpc_error(status, Code::Transport, message, Some(id));
                if let Some(challenge) = challenge {
                    announce(&mut response, &challenge);
                }
                if let Some(why) = why {
                    response.extensions_mut().insert(why);
                }
                if status == StatusCode::SERVICE_UNAVAILABLE {
                    let soon = HeaderValue::from_static("5");
                    response.headers_mut().insert(header::RETRY_AFTER, soon);
                }
                response
            }
        }
    }

    /// The answer to a request that was refused because of its sender.
    pub(super) fn denied_call(
        &self,
        (denied, body): &(Denied, Bytes),
        headers: &HeaderMap,
        endpoint: Option<Endpoint<'_>>,
    ) -> Response {
        let mut response = match denied {
            Denied::Scope(required) => {
                self.count_rejection("forbidden");
                let mut response = json(StatusCode::FORBIDDEN, body.clone());
                let path = endpoint.unwrap_or_default().path;
                if let Some(bearer) = &self.terms().bearer {
                    announce(&mut response, &bearer.step_up(required, headers, path));
                }
                response
            }
            Denied::TooOften { retry_after } => {
                self.count_rejection("rate_limited");
                let mut response = json(StatusCode::TOO_MANY_REQUESTS, body.clone());
                let seconds = HeaderValue::from(Denied::seconds(*retry_after));
                response.headers_mut().insert(header::RETRY_AFTER, seconds);
                response
            }
            Denied::Unavailable(_) => return unavailable(body.clone()),
        };
        // The refusing code has logged it.
        response.extensions_mut().insert(Logged);
        response
    }

    /// A request without the session that it needs, if callers are authenticated.
    pub(super) fn no_session(&self, id: &[u8]) -> Response {
        self.terms().auth.unauthorized(NO_SESSION, id)
    }

    /// The answer to a client when no connection could be opened.
    pub(super) fn not_opened(&self, error: OpenError, step: Step, id: &[u8]) -> Response {
        match error {
            OpenError::Upstream(error) => upstream_error(&error, id),
            OpenError::Refused(refusal) => self.refused(refusal, step, id),
        }
    }

    fn refused(&self, refusal: Refusal, step: Step, id: &[u8]) -> Response {
        match refusal {
            Refusal::Response(verbatim) => copy(*verbatim),
            Refusal::Denied(reason) => {
                let reason = reason.as_deref().unwrap_or(AUTHENTICATION_FAILED);
                self.terms().auth.unauthorized(reason, id)
            }
            Refusal::Scope { required, description } if step != Step::OpenSse => {
                self.terms().auth.insufficient_scope(&required, description.as_deref(), id)
            }
            Refusal::Failed(message) => self.failed(message, step, id),
            Refusal::Legacy => legacy_server(id),
            _ if step == Step::OpenSse => {
                bare_text(StatusCode::INTERNAL_SERVER_ERROR, CONNECT_FAILED)
            }
            _ => internal_error(),
        }
    }

    fn failed(&self, message: Option<String>, step: Step, id: &[u8]) -> Response {
        match step {
            Step::Authenticate => {
                let message = message.as_deref().unwrap_or(AUTHENTICATION_ERROR);
                console_error!("Authentication error: {message}");
                self.terms().auth.unauthorized(message, id)
            }
            Step::Open => match message.filter(|message| names_authentication(message)) {
                Some(message) => self.terms().auth.unauthorized(&message, id),
                None => bare_text(StatusCode::INTERNAL_SERVER_ERROR, CREATE_FAILED),
            },
            Step::OpenSse => bare_text(StatusCode::INTERNAL_SERVER_ERROR, CREATE_FAILED),
        }
    }
}

/// The original recognises a failure of `createServer` as an authentication failure by these words.
fn names_authentication(message: &str) -> bool {
    ["Authentication", "Invalid JWT", "Token", "Unauthorized"]
        .iter()
        .any(|word| message.contains(word))
}

/// The answer to a request of a revision that the host's server does not support.
fn legacy_server(id: &[u8]) -> Response {
    let mut error = ErrorBody::new(Code::Transport, LEGACY_SERVER);
    error.data = Some(r#"{"reason":"server_missing_modern_protocol_support"}"#.to_owned());
    json(StatusCode::BAD_REQUEST, error.response(id))
}

/// The code that saw the error has logged it.
fn internal_error() -> Response {
    rpc_error(StatusCode::INTERNAL_SERVER_ERROR, Code::Internal, "Internal Server Error", None)
}

/// A response of the host, unchanged.
fn copy(verbatim: Verbatim) -> Response {
    let Ok(status) = StatusCode::from_u16(verbatim.status) else {
        console_error!("[mcp-proxy] error handling request: {} is not a status", verbatim.status);
        return internal_error();
    };
    let mut response = with_body(status, verbatim.body);
    for (name, value) in verbatim.headers {
        let (Ok(name), Ok(value)) =
            (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_bytes()))
        else {
            console_error!("[mcp-proxy] error handling request: a header cannot be sent");
            return internal_error();
        };
        if !is_framing(&name) {
            response.headers_mut().append(name, value);
        }
    }
    if let Ok(reason) = ReasonPhrase::try_from(Bytes::from(verbatim.reason)) {
        response.extensions_mut().insert(reason);
    }
    charset::normalise(response.headers_mut());
    response
}

/// Fields that describe the connection or the length of a body; the listener sets them.
pub(super) fn is_framing(name: &HeaderName) -> bool {
    *name == header::CONNECTION
        || *name == header::TRANSFER_ENCODING
        || *name == header::CONTENT_LENGTH
        || name.as_str() == "keep-alive"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_name_authentication_are_matched_with_their_case() {
        assert!(names_authentication("Unauthorized: no"));
        assert!(names_authentication("Token expired"));
        assert!(!names_authentication("token expired"));
        assert!(!names_authentication("database is down"));
    }
}
