//! The first exchange with a server: the `initialize` handshake of the 2025 era, or the question
//! of 2026-07-28 who it is.

use std::time::Duration;

use bytes::Bytes;
use tokio::{
    io::AsyncWriteExt,
    process::{ChildStdin, ChildStdout},
    time::timeout,
};

use super::lines::Lines;
use crate::{
    era::modern_server::{DISCOVER, Discovery, Envelope},
    jsonrpc::{Code, ErrorBody, Kind, Message, Span, decode_string, find_member},
    protocol::{LATEST_LEGACY, MODERN, Method, is_legacy},
    relay::InitializeResult,
    telemetry::traffic,
};

/// Id of the handshake's request; those of later requests are far from it.
const INITIALIZE_ID: u64 = 0;
/// A string, so that a late answer is never taken for that to another request.
const DISCOVER_ID: &[u8] = br#""server-discover""#;

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server's output ended.
    Ended,
    /// It answered, but not as a server does.
    Refused(String),
    /// It is of the newer era and shares no revision of it with the proxy.
    NoSharedRevision(String),
}

/// The pipes of a server that nothing was said to yet.
#[derive(Debug)]
pub(super) struct Greeting<'a> {
    pub(super) stdin: &'a mut ChildStdin,
    pub(super) lines: &'a mut Lines<ChildStdout>,
}

impl Greeting<'_> {
    /// Introduces the proxy as a client without capabilities, and takes the server's answer.
    pub(super) async fn initialize(mut self) -> Result<InitializeResult, Failure> {
        self.write(initialize_request()).await;
        let response = self.answer(|id| id == b"0").await?;
        self.initialized(&response).await
    }

    /// Asks a server of 2026-07-28 who it is.
    pub(super) async fn discover(mut self) -> Result<InitializeResult, Failure> {
        self.write(discover_request()).await;
        let response = self.answer(|id| id == DISCOVER_ID).await?;
        match Discovery::of(&response) {
            Discovery::Other(revisions) => Err(Failure::NoSharedRevision(revisions)),
            discovery => InitializeResult::of_discovery(discovery).ok_or_else(|| {
                Failure::Refused(format!(
                    "it did not say that it serves protocol revision {MODERN}: {}",
                    String::from_utf8_lossy(response.bytes())
                ))
            }),
        }
    }

    /// Asks who it is, and shakes hands if it does not know the question or is silent for
    /// `patience`. A server that is merely slow may answer both: then the handshake counts, because
    /// it has bound the server to its era.
    pub(super) async fn probe(mut self, patience: Duration) -> Result<InitializeResult, Failure> {
        self.write(discover_request()).await;
        let answer = timeout(patience, self.answer(|id| id == DISCOVER_ID)).await;
        let mut discovery = answer.ok().transpose()?.map(|response| Discovery::of(&response));
        match discovery.take() {
            Some(Discovery::Other(revisions)) => return Err(Failure::NoSharedRevision(revisions)),
            Some(discovery) => {
                if let Some(introduction) = InitializeResult::of_discovery(discovery) {
                    return Ok(introduction);
                }
            }
            None => {
                tracing::info!("the server does not answer {DISCOVER}; it is asked to initialize");
            }
        }
        self.write(initialize_request()).await;
        loop {
            let response = self.answer(|id| id == b"0" || id == DISCOVER_ID).await?;
            if response.id() == Some(DISCOVER_ID) {
                discovery = Some(Discovery::of(&response));
                continue;
            }
            let shaken = self.initialized(&response).await;
            let discovered = discovery.and_then(InitializeResult::of_discovery);
            return shaken.or_else(|failure| discovered.ok_or(failure));
        }
    }

    /// Takes the answer to `initialize` and ends the handshake.
    async fn initialized(&mut self, response: &Message) -> Result<InitializeResult, Failure> {
        let result = accept(response)?;
        let initialized = br#"{"method":"notifications/initialized","jsonrpc":"2.0"}"#;
        self.write(Bytes::from_static(initialized)).await;
        Ok(result)
    }

    /// The response with an id that is `wanted`.
    async fn answer(&mut self, wanted: impl Fn(&[u8]) -> bool) -> Result<Message, Failure> {
        loop {
            let Some(message) = self.lines.next().await.map_err(Failure::Refused)? else {
                return Err(Failure::Ended);
            };
            traffic!("<-", message.bytes());
            match message.kind() {
                Kind::Request => self.write(refusal(&message)).await,
                Kind::Notification => tracing::debug!("the server spoke before it was initialized"),
                Kind::Result | Kind::Error if message.id().is_some_and(&wanted) => {
                    return Ok(message);
                }
                Kind::Result | Kind::Error => {
                    tracing::warn!("the server answered an unasked request");
                }
            }
        }
    }

    async fn write(&mut self, message: Bytes) {
        traffic!("->", &message);
        let written = async {
            self.stdin.write_all(&message).await?;
            self.stdin.write_all(b"\n").await?;
            self.stdin.flush().await
        };
        // A server that has closed its input is about to end: its output says how.
        if let Err(error) = written.await {
            tracing::debug!(%error, "the server does not read its input");
        }
    }
}

fn initialize_request() -> Bytes {
    format!(
        r#"{{"method":"initialize","params":{{"protocolVersion":"{LATEST_LEGACY}","capabilities":{{}},"clientInfo":{{"name":"mcp-proxy","version":"{}"}}}},"jsonrpc":"2.0","id":{INITIALIZE_ID}}}"#,
        crate::VERSION
    )
    .into()
}

pub(super) fn discover_request() -> Bytes {
    let id = String::from_utf8_lossy(DISCOVER_ID);
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"{DISCOVER}","params":{{"_meta":{{{}}}}}}}"#,
        Envelope::of_proxy(crate::VERSION).members()
    )
    .into()
}

fn accept(response: &Message) -> Result<InitializeResult, Failure> {
    if let Some(error) = response.error() {
        let error = String::from_utf8_lossy(response.text(error)).into_owned();
        return Err(Failure::Refused(error));
    }
    let refused = |reason: &str| Failure::Refused(reason.to_owned());
    let result = InitializeResult::of(response).ok_or_else(|| refused("no result object"))?;
    let span: Span = response.result().ok_or_else(|| refused("no result"))?;
    let version = find_member(response.bytes(), span, "protocolVersion")
        .and_then(|span| decode_string(response.text(span)))
        .ok_or_else(|| refused("the result has no protocolVersion"))?;
    if !is_legacy(&version) {
        return Err(Failure::Refused(format!(
            "it speaks protocol revision {version}, which has no such handshake"
        )));
    }
    Ok(result)
}

/// A server may ping at any time; it has nothing else to ask a client without capabilities.
fn refusal(request: &Message) -> Bytes {
    let id = request.id().unwrap_or(b"null");
    if Method::of(&request.method()) == Method::Ping {
        return [br#"{"jsonrpc":"2.0","id":"#, id, br#","result":{}}"#].concat().into();
    }
    ErrorBody::new(Code::MethodNotFound, "Method not found").response(id)
}
