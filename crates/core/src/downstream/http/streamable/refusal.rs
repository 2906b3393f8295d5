//! Modern messages that are refused before they reach a server, and the status of errors.

use http::StatusCode;

use crate::{
    downstream::http::{
        mount::Mount,
        reject::Rejection,
        response::{Response, json},
    },
    era::classify::Refusal,
    jsonrpc::{Code, ErrorBody, escape},
    protocol::{MODERN, header::mirror::Mismatch},
};

/// A message that the front answers with an error.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    reason: &'static str,
    error: ErrorBody,
    /// The raw id; if it is missing, the error has none.
    id: Option<Vec<u8>>,
}

impl Mount {
    pub(super) fn refuse(&self, refused: &Refused) -> Response {
        let Refused { status, reason, error, id } = refused;
        self.common.count_rejection(reason);
        json(
            *status,
            match id {
                Some(id) => error.response(id),
                None => error.response_to_nobody(),
            },
        )
    }
}

impl Refused {
    /// The check that the message with this id failed.
    pub(super) fn ladder(refusal: &Refusal, id: Option<&[u8]>) -> Self {
        let (code, reason) = match refusal {
            Refusal::Batch => (Code::InvalidRequest, "modern_batch"),
            Refusal::Metadata(_) => (Code::InvalidParams, "invalid_metadata"),
            Refusal::Disagreement { .. }
            | Refusal::HeaderMissing(_)
            | Refusal::Name(_)
            | Refusal::Initialize => (Code::HeaderMismatch, "header_mismatch"),
            Refusal::UnsupportedVersion { .. } => {
                (Code::UnsupportedProtocolVersion, "unsupported_version")
            }
        };
        let mut error = ErrorBody::new(code, refusal.to_string());
        error.data = details(refusal);
        Self { status: StatusCode::BAD_REQUEST, reason, error, id: id.map(<[u8]>::to_vec) }
    }

    /// A mirrored parameter that differs from the arguments.
    pub(super) fn mismatch(mismatch: &Mismatch, id: Option<&[u8]>) -> Self {
        Self::ladder(&Refusal::Name(mismatch.clone()), id)
    }

    /// A body that is not a message, from a client of the modern era.
    pub(super) fn invalid(rejection: &Rejection) -> Self {
        let (code, text) = match rejection {
            Rejection::NoMessage => (Code::InvalidRequest, "Invalid Request"),
            _ => (Code::Parse, "Parse error"),
        };
        let error = ErrorBody::new(code, text);
        Self { status: StatusCode::BAD_REQUEST, reason: "invalid_message", error, id: None }
    }

    /// A body whose content type is not JSON.
    pub(super) fn media_type(id: Option<&[u8]>) -> Self {
        let text = "Unsupported Media Type: Content-Type must be application/json";
        Self {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            reason: "unsupported_media_type",
            error: ErrorBody::new(Code::Transport, text),
            id: id.map(<[u8]>::to_vec),
        }
    }
}

fn details(refusal: &Refusal) -> Option<String> {
    let header = |name: &str| format!(r#"{{"header":{}}}"#, escape(name));
    Some(match refusal {
        Refusal::Batch | Refusal::Metadata(_) => return None,
        Refusal::Disagreement { header: name, said, body } => format!(
            r#"{{"header":"{name}","mismatch":{{"header":{},"body":{}}}}}"#,
            escape(said),
            escape(body)
        ),
        Refusal::HeaderMissing(name) => header(name),
        Refusal::Name(mismatch) => header(mismatch.header()),
        Refusal::Initialize => header("MCP-Protocol-Version"),
        Refusal::UnsupportedVersion { requested } => {
            format!(r#"{{"supported":["{MODERN}"],"requested":{}}}"#, escape(requested))
        }
    })
}

/// The HTTP status if an error is the whole response (MCP 2026-07-28, Streamable HTTP).
pub(super) fn status_of(code: i64) -> StatusCode {
    match code {
        -32601 => StatusCode::NOT_FOUND,
        -32022..=-32020 => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}
