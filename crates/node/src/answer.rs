//! Answers of JavaScript to the front's questions.

use bytes::Bytes;
use mcp_proxy_core::host::{Made, Refusal, Replay, Unreplayed, Verbatim};
use serde::Deserialize;

/// An answer that refuses.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum No {
    Denied(Option<String>),
    Failed(Option<String>),
    Unusable,
    Unknown,
    #[serde(rename_all = "camelCase")]
    Scope {
        required: Vec<String>,
        description: Option<String>,
    },
    #[serde(rename_all = "camelCase")]
    Response {
        status: u16,
        status_text: String,
        headers: Vec<(String, String)>,
        body: String,
    },
}

impl From<No> for Refusal {
    fn from(no: No) -> Self {
        match no {
            No::Denied(reason) => Self::Denied(reason),
            No::Failed(message) => Self::Failed(message),
            No::Unusable => Self::Unusable,
            No::Unknown => Self::Legacy,
            No::Scope { required, description } => Self::Scope { required, description },
            No::Response { status, status_text, headers, body } => {
                Self::Response(Box::new(Verbatim {
                    status,
                    reason: status_text,
                    headers,
                    body: Bytes::from(body),
                }))
            }
        }
    }
}

/// A caller that a callback lets in and identifies.
#[derive(Debug, Deserialize)]
struct Somebody {
    subject: String,
}

/// Reads the answer to who is calling; an empty one is a caller without a name.
pub(crate) fn subject(answer: Option<String>) -> Result<Option<String>, Refusal> {
    let named = answer.as_deref().and_then(|text| serde_json::from_str::<Somebody>(text).ok());
    match named {
        Some(Somebody { subject }) => Ok(Some(subject)),
        None => admission(answer).map(|()| None),
    }
}

/// Reads the answer to whether something may continue; an empty one is a yes.
fn admission(answer: Option<String>) -> Result<(), Refusal> {
    let Some(text) = answer else { return Ok(()) };
    match serde_json::from_str::<No>(&text) {
        Ok(no) => Err(no.into()),
        Err(error) => {
            tracing::error!(%error, "JavaScript returned an answer that cannot be read");
            Err(Refusal::Unusable)
        }
    }
}

/// Reads the answer to the request for a server.
pub(crate) fn made(answer: Option<String>) -> Result<Made, Refusal> {
    if answer.as_deref() == Some("legacy") {
        return Ok(Made::Legacy);
    }
    admission(answer).map(|()| Made::AsAsked)
}

#[derive(Debug, Deserialize)]
struct Events {
    stream: u64,
    events: Vec<(String, String)>,
}

/// Reads an event store's answer; an empty one means that the event is unknown.
pub(crate) fn replayed(answer: Option<String>) -> Result<Replay, Unreplayed> {
    let text = answer.ok_or(Unreplayed::Unknown)?;
    let Events { stream, events } = serde_json::from_str(&text).map_err(|_| Unreplayed::Failed)?;
    let events = events.into_iter().map(|(id, message)| (id, Bytes::from(message))).collect();
    Ok(Replay { stream, events })
}
