//! What can go wrong between the proxy and a remote server, and what its client is told.
//!
//! A fault knows whether the server can have run the call: that alone decides whether the call may
//! be sent again.

use std::{error::Error as StdError, time::Duration};

use http::StatusCode;

use super::{auth::Challenge, distrust};
use crate::jsonrpc::{Code, ErrorBody, Message, escape};

/// Longest part of a server's own words that is shown.
const MAX_EXCERPT: usize = 300;

/// A failed attempt to send something, or to read what came back.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    /// The server may have run what it was sent.
    pub(super) ran: bool,
    text: String,
    status: Option<StatusCode>,
    /// The start of the body of an answer that is not a message.
    excerpt: Option<String>,
    /// It was refused as something of another era, and may be sent another way.
    pub(super) astray: bool,
    /// What would make the server accept it.
    pub(super) challenge: Option<Box<Challenge>>,
    /// The JSON-RPC error that the server gave as its answer.
    pub(super) error: Option<Box<Message>>,
}

/// Sorts of faults, by what can be done about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// No connection.
    Unreachable,
    /// A connection that broke before the answer was complete.
    Broken,
    /// The server does not know the session (404), or may not (400).
    SessionLost,
    SessionDoubtful,
    /// The server is there and has no time for the call.
    Busy {
        retry_after: Option<Duration>,
    },
    /// Credentials are missing or not good enough.
    Unauthorized,
    /// The endpoint does not speak the transport.
    NoEndpoint,
    /// An answer that holds no message.
    Nonsense,
    /// Something that will be the same the next time.
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

    /// A request that got no answer at all.
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

    /// An answer that broke off.
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

    /// An answer that holds no message; `body` is its beginning.
    pub(super) fn nonsense(text: String, body: &[u8]) -> Self {
        let excerpt = Some(excerpt(body)).filter(|text| !text.is_empty());
        Self { ran: true, excerpt, ..Self::new(Kind::Nonsense, text) }
    }

    /// The same fault, of something that belongs to a call which was sent before.
    pub(super) fn after_sending(self) -> Self {
        Self { ran: true, ..self }
    }

    /// The same fault, once it is known better what it means.
    pub(super) fn meaning(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// The same fault, of a handshake: a server that refuses it may be one of another era, and has
    /// not run what was to be sent after it.
    pub(super) fn of_handshake(self) -> Self {
        let refused = self.error.is_some() || self.is_of_another_protocol();
        let astray = refused && self.kind != Kind::Unauthorized;
        Self { astray, ..self }
    }

    /// The same fault, of a message that is sent no more.
    pub(super) fn at_last(self) -> Self {
        let astray = self.astray || (self.is_modern() && !self.ran);
        Self { astray, ..self }
    }

    /// The same fault, with why it could not be overcome.
    pub(super) fn because(mut self, reason: &str) -> Self {
        let plain: String = reason.chars().filter(|c| !c.is_control()).collect();
        self.text = format!("{}: {plain}", self.text);
        self
    }

    /// A handshake that the server has refused.
    pub(super) fn refused(text: String, response: Message) -> Self {
        Self { error: Some(Box::new(response)), ..Self::new(Kind::Final, text) }
    }

    /// Whether this is how a server of 2026-07-28 refuses something.
    pub(super) fn is_modern(&self) -> bool {
        let codes =
            [Code::HeaderMismatch, Code::MissingCapability, Code::UnsupportedProtocolVersion];
        let code = self.error.as_ref().and_then(|error| error.error_code());
        codes.iter().any(|known| code == Some(i64::from(known.number())))
    }

    /// Whether the server answers like one that does not know what it was asked.
    pub(super) fn is_of_another_protocol(&self) -> bool {
        match self.kind {
            Kind::NoEndpoint | Kind::Nonsense => true,
            Kind::Final => self.status.is_some_and(|status| status.is_client_error()),
            _ => false,
        }
    }

    /// The response to the request with this raw id, which ends so.
    pub(super) fn response(&self, id: &[u8]) -> Option<Message> {
        let said = self.error.as_deref().filter(|_| self.kind != Kind::Unauthorized);
        said.cloned().or_else(|| Message::parse(self.body().response(id)).ok())
    }

    /// What a client reads whose call ends so.
    pub(super) fn body(&self) -> ErrorBody {
        let status = self.status.map(|status| format!("\"status\":{}", status.as_u16()));
        let excerpt = self.excerpt.as_ref().map(|text| format!("\"body\":{}", escape(text)));
        let members: Vec<String> = [status, excerpt].into_iter().flatten().collect();
        let mut error = ErrorBody::new(Code::Internal, self.sentence());
        error.data = (!members.is_empty()).then(|| format!("{{{}}}", members.join(",")));
        error
    }

    /// The fault in one sentence.
    pub(super) fn sentence(&self) -> String {
        let hint = match self.kind {
            Kind::Broken => "; it is not known whether the call ran",
            Kind::Unauthorized => "; --bearerToken, --header and --headerFile give credentials",
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

/// A text without the byte order mark that some servers begin with.
pub(super) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// The beginning of a text, on one line and without control characters.
pub(super) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * MAX_EXCERPT)]);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().filter(|c| !c.is_control()).take(MAX_EXCERPT).collect()
}

/// An error and its causes, each named once. What the layers of the HTTP client say about each
/// other is of no use to anybody.
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

/// Why a certificate was refused, if that is what happened.
fn tls_problem(error: &reqwest::Error) -> Option<String> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(distrust::sentence(tls));
        }
        // What an I/O error is made of is not its source.
        let inside = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = inside.map(|inside| inside as &dyn StdError).or_else(|| error.source());
    }
    None
}
