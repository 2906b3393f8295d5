//! The JSON-RPC errors that the proxy itself sends. Only this file has the numbers.

use bytes::Bytes;

use super::splice::escape;

/// Error codes of JSON-RPC 2.0, MCP and the original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The text is not JSON, or not a JSON-RPC message.
    Parse,
    /// The message is valid, but not acceptable here.
    InvalidRequest,
    /// The method is not supported.
    MethodNotFound,
    /// Arguments are wrong.
    InvalidParams,
    /// The proxy or the server behind it failed.
    Internal,
    /// A rule of the transport was violated (Accept, Content-Type, authentication, session header
    /// …).
    Transport,
    /// The session is unknown.
    SessionNotFound,
    /// The caller's scopes do not cover the call.
    Scope,
    /// The server is not ready, or there are too many of them; a later retry may succeed.
    Unavailable,
    /// A mirrored header differs from the body (2026-07-28).
    HeaderMismatch,
    /// The request needs a capability that its client does not declare (2026-07-28).
    MissingCapability,
    /// The revision is not supported (MCP 2026-07-28).
    UnsupportedProtocolVersion,
    /// The API key is missing or wrong: the original answers with the HTTP status.
    Unauthorized,
}

impl Code {
    /// The number on the wire.
    pub fn number(self) -> i32 {
        match self {
            Self::Parse => -32700,
            Self::InvalidRequest => -32600,
            Self::MethodNotFound => -32601,
            Self::InvalidParams => -32602,
            Self::Internal => -32603,
            Self::Transport | Self::Unavailable => -32000,
            Self::SessionNotFound | Self::Scope => -32001,
            Self::HeaderMismatch => -32020,
            Self::MissingCapability => -32021,
            Self::UnsupportedProtocolVersion => -32022,
            Self::Unauthorized => 401,
        }
    }
}

/// The error object of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorBody {
    /// The code.
    pub code: Code,
    /// What happened, for people.
    pub message: String,
    /// Raw JSON of `data`.
    pub data: Option<String>,
}

impl ErrorBody {
    /// An error without `data`.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// The whole response to the request with this raw id.
    pub fn response(&self, id: &[u8]) -> Bytes {
        self.answering(&[br#"{"jsonrpc":"2.0","id":"#, id].concat())
    }

    /// The whole response to a request whose id cannot be read, in the form of the modern era.
    pub fn response_to_nobody(&self) -> Bytes {
        self.answering(br#"{"jsonrpc":"2.0""#)
    }

    fn answering(&self, head: &[u8]) -> Bytes {
        let mut text = Vec::with_capacity(96 + self.message.len());
        text.extend_from_slice(head);
        text.extend_from_slice(b",\"error\":{\"code\":");
        text.extend_from_slice(self.code.number().to_string().as_bytes());
        text.extend_from_slice(b",\"message\":");
        text.extend_from_slice(escape(&self.message).as_bytes());
        if let Some(data) = &self.data {
            text.extend_from_slice(b",\"data\":");
            text.extend_from_slice(data.as_bytes());
        }
        text.extend_from_slice(b"}}");
        text.into()
    }
}
