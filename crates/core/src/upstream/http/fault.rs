//! What can go wrong between the proxy and a remote server, and the errors for clients.
//!
//! A fault says whether the server may have run the call: only that decides whether the call may be
//! sent again.

use std::{error::Error as StdError, time::Duration};

use http::StatusCode;

use super::{auth::challenge::Challenge, distrust};
use crate::jsonrpc::{Code, ErrorBody, Message, escape};

/// Longest part of a server's text that is shown.
const MAX_EXCERPT: usize = 300;

/// A failed attempt to send something, or to read the answer.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    /// Whether the server may have run the request.
    pub(super) ran: bool,
    text: String,
    status: Option<StatusCode>,
    /// The beginning of the body of an answer that is not a message.
    excerpt: Option<String>,
    /// It was refused as a message of another era, and may be sent in another way.
    pub(super) astray: bool,
    /// The credentials that the server demands.
    pub(super) challenge: Option<Box<Challenge>>,
    /// The JSON-RPC error that the server gave as its answer.
    pub(super) error: Option<Box<Message>>,
}

/// Kinds of faults, by the remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// No connection.
    Unreachable,
    /// The connection broke before the answer was complete.
    Broken,
    /// The server does not know the session (404), or perhaps does not (400).
    SessionLost,
    SessionDoubtful,
    /// The server is overloaded.
    Busy {
        retry_after: Option<Duration>,
    },
    /// Credentials are missing or do not suffice.
    Unauthorized,
    /// The endpoint does not speak the transport.
    NoEndpoint,
    /// An answer that holds no message.
    Nonsense,
    /// A retry would fail in the same way.
    Final,
}

impl Fault {
    pub(super) fn new(kind: Kind, text: impl Into<String>) -> Self {
        let ran = matches!(kind, Kind::Broken);
        Self {
            kind,
            ran,
            astray: false,
            text: text.into(),
            status: None,
            excerpt: None,
            challenge: None,
            error: None,
        }
    }

    /// A request without any answer.
    pub(super) fn of_request(place: &str, error: reqwest::Error) -> Self {
        let connecting = error.is_connect();
        let error = error.without_url();
        if let Some(problem) = tls_problem(&error) {
            let text = format!("{place} is not trusted: {problem}");
            return Self::new(Kind::Final, text);
        }
        let cause = chain(&error);
        if connecting {
            return Self::new(Kind::Unreachable, format!("cannot connect to {place}: {cause}"));
        }
        Self::new(Kind::Broken, format!("{place} closed the connection: {cause}"))
    }

    /// An incomplete answer.
    pub(super) fn of_answer(place: &str, error: reqwest::Error) -> Self {
        let cause = chain(&error.without_url());
        Self::new(Kind::Broken, format!("{place} closed the connection during its answer: {cause}"))
    }

    /// An answer with a status that is not a success.
    pub(super) fn of_status(kind: Kind, status: StatusCode, text: String, body: &[u8]) -> Self {
        let error = rpc_error(body);
        let excerpt = Some(excerpt(body)).filter(|text| error.is_none() && !text.is_empty());
        let ran = status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED;
        Self { ran, status: Some(status), excerpt, error, ..Self::new(kind, text) }
    }

    /// An answer without a message; `body` is its beginning.
    pub(super) fn nonsense(text: String, body: &[u8]) -> Self {
        let excerpt = Some(excerpt(body)).filter(|text| !text.is_empty());
        Self { ran: true, excerpt, ..Self::new(Kind::Nonsense, text) }
    }

    /// The same fault, in something that belongs to a call which was sent before.
    pub(super) fn after_sending(self) -> Self {
        Self { ran: true, ..self }
    }

    /// The same fault with another kind, once more is known.
    pub(super) fn meaning(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// The same fault in a handshake: a server that refuses it may be of another era, and has not
    /// run what was to be sent after it.
    pub(super) fn of_handshake(self) -> Self {
        let refused = self.error.is_some() || self.is_of_another_protocol();
        let astray = refused && self.kind != Kind::Unauthorized;
        Self { astray, ..self }
    }

    /// The same fault, for a message that is not sent again.
    pub(super) fn at_last(self) -> Self {
        let astray = self.astray || (self.is_modern() && !self.ran);
        Self { astray, ..self }
    }

    /// The same fault, with the reason why retrying did not help.
    pub(super) fn because(mut self, reason: &str) -> Self {
        let plain: String = reason.chars().filter(|c| !c.is_control()).collect();
        self.text = format!("{}: {plain}", self.text);
        self
    }

    /// A handshake that the server has refused.
    pub(super) fn refused(text: String, response: Message) -> Self {
        Self { error: Some(Box::new(response)), ..Self::new(Kind::Final, text) }
    }

    /// Whether this is how a 2026-07-28 server refuses a message.
    pub(super) fn is_modern(&self) -> bool {
        let codes =
            [Code::HeaderMismatch, Code::MissingCapability, Code::UnsupportedProtocolVersion];
        let code = self.error.as_ref().and_then(|error| error.error_code());
        codes.iter().any(|known| code == Some(i64::from(known.number())))
    }

    /// Whether this is how a server answers an unknown method.
    pub(super) fn is_of_another_protocol(&self) -> bool {
        match self.kind {
            Kind::NoEndpoint | Kind::Nonsense => true,
            Kind::Final => self.status.is_some_and(|status| status.is_client_error()),
            _ => false,
        }
    }

    /// The response for the request with this raw id.
    pub(super) fn response(&self, id: &[u8]) -> Option<Message> {
        let said = self.error.as_deref().filter(|_| self.kind != Kind::Unauthorized);
        said.cloned().or_else(|| Message::parse(self.body().response(id)).ok())
    }

    /// The error for the client of the call.
    pub(super) fn body(&self) -> ErrorBody {
        let status = self.status.map(|status| format!("\"status\":{}", status.as_u16()));
        let excerpt = self.excerpt.as_ref().map(|text| format!("\"body\":{}", escape(text)));
        let members: Vec<String> = [status, excerpt].into_iter().flatten().collect();
        let mut error = ErrorBody::new(Code::Internal, self.sentence());
        error.data = (!members.is_empty()).then(|| format!("{{{}}}", members.join(",")));
        error
    }

    /// The fault as one sentence.
    pub(super) fn sentence(&self) -> String {
        let hint = match self.kind {
            Kind::Broken => "; it is not known whether the call ran",
            Kind::Unauthorized => "; give credentials with --bearerToken, --header or --headerFile",
            _ => "",
        };
        let said = self.error.as_deref().and_then(said).map(|text| format!(" ({text})"));
        format!("{}{}{hint}", self.text, said.unwrap_or_default())
    }
}

/// The message of a JSON-RPC error.
fn said(error: &Message) -> Option<String> {
    let object = error.error()?;
    let span = crate::jsonrpc::find_member(error.bytes(), object, "message")?;
    crate::jsonrpc::decode_string(error.text(span))
}

fn rpc_error(body: &[u8]) -> Option<Box<Message>> {
    let message = Message::parse(bytes::Bytes::copy_from_slice(body)).ok()?;
    message.error().is_some().then(|| Box::new(message))
}

/// A text without a byte order mark, which some servers send.
pub(super) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// The beginning of a text, on one line and without control characters.
pub(super) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * MAX_EXCERPT)]);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().filter(|c| !c.is_control()).take(MAX_EXCERPT).collect()
}

/// An error and its causes, each named once; the repetitions of the HTTP client's layers are left
/// out.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let word = cause.to_string();
        let said = words.iter().any(|known| known.contains(&word));
        if !said && word != "error sending request" && !word.starts_with("client error (") {
            words.push(word);
        }
        next = cause.source();
    }
    words.join(": ")
}

/// Why a certificate was refused, if that happened.
fn tls_problem(error: &reqwest::Error) -> Option<String> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(distrust::sentence(tls));
        }
        // The error inside an I/O error is not its source.
        let inside = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = inside.map(|inside| inside as &dyn StdError).or_else(|| error.source());
    }
    None
}
