//! The first exchange with a server: the `initialize` handshake of the 2025 era, or
//! `server/discover` of 2026-07-28.

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
    jsonrpc::{
        Code, ErrorBody, Kind, Message, Span, decode_string, find_member, own_number, string_text,
    },
    protocol::{LATEST_LEGACY, MODERN, Method, is_legacy, older_to_try},
    relay::InitializeResult,
    telemetry::traffic,
    watch::{Frame, Payload, Point, TAP},
};

/// Id of the handshake's request; the ids of later requests are far from it.
const INITIALIZE_ID: u64 = 0;
/// A string, so that a late answer is never taken for the answer to another request.
const DISCOVER_ID: &str = "server-discover";

/// Time limit for a server that is asked for an older revision.
const OLDER: Duration = Duration::from_secs(5);

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server's output ended.
    Ended,
    /// Its answer is not valid.
    Refused(String),
    /// It speaks the newer era and has no revision in common with the proxy.
    NoSharedRevision(String),
}

/// The pipes of a server before the first message.
#[derive(Debug)]
pub(super) struct Greeting<'a> {
    pub(super) stdin: &'a mut ChildStdin,
    pub(super) lines: &'a mut Lines<ChildStdout>,
    /// The server's number.
    pub(super) server: u32,
}

impl Greeting<'_> {
    /// Sends `initialize` without capabilities, and reads the server's answer.
    pub(super) async fn initialize(mut self) -> Result<InitializeResult, Failure> {
        self.write(initialize_request(LATEST_LEGACY)).await;
        let response = self.answer(is_initialize).await?;
        self.initialized(&response).await
    }

    /// Sends `server/discover` to a 2026-07-28 server.
    pub(super) async fn discover(mut self) -> Result<InitializeResult, Failure> {
        self.write(discover_request()).await;
        let response = self.answer(is_discover).await?;
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

    /// Sends `server/discover`, then makes the handshake if the server does not know that or is
    /// silent for `patience`. A slow server may answer both: then the handshake counts, because it
    /// has bound the server to its era.
    pub(super) async fn probe(mut self, patience: Duration) -> Result<InitializeResult, Failure> {
        self.write(discover_request()).await;
        let answer = timeout(patience, self.answer(is_discover)).await;
        let mut discovery = answer.ok().transpose()?.map(|response| Discovery::of(&response));
        let mut is_discovered = discovery.is_some();
        match discovery.take() {
            Some(Discovery::Other(revisions)) => return Err(Failure::NoSharedRevision(revisions)),
            Some(discovery) => {
                if let Some(introduction) = InitializeResult::of_discovery(discovery) {
                    return Ok(introduction);
                }
            }
            None => {
                tracing::info!("the server does not answer {DISCOVER}; sending initialize");
            }
        }
        self.write(initialize_request(LATEST_LEGACY)).await;
        loop {
            let is_either = |response: &Message| is_initialize(response) || is_discover(response);
            let response = self.answer(is_either).await?;
            let is_late =
                if is_anonymous(&response) { !is_discovered } else { is_discover(&response) };
            if is_late {
                is_discovered = true;
                discovery = Some(Discovery::of(&response));
                continue;
            }
            let shaken = self.initialized(&response).await;
            let discovered = discovery.and_then(InitializeResult::of_discovery);
            return shaken.or_else(|failure| discovered.ok_or(failure));
        }
    }

    /// Reads the answer to `initialize` and ends the handshake.
    async fn initialized(&mut self, response: &Message) -> Result<InitializeResult, Failure> {
        let result = match accept(response) {
            Ok(result) => result,
            Err(refused) => self.initialize_older(response, refused).await?,
        };
        let initialized = br#"{"method":"notifications/initialized","jsonrpc":"2.0"}"#;
        self.write(Bytes::from_static(initialized)).await;
        Ok(result)
    }

    /// Retries with older revisions if the server refused the newest one instead of answering with
    /// one that it supports.
    async fn initialize_older(
        &mut self,
        refusal: &Message,
        refused: Failure,
    ) -> Result<InitializeResult, Failure> {
        for version in older_to_try(refusal) {
            tracing::warn!(
                "the MCP server refuses protocol revision {LATEST_LEGACY}; trying {version}"
            );
            self.write(initialize_request(version)).await;
            let Ok(Ok(response)) = timeout(OLDER, self.answer(is_initialize)).await else { break };
            if let Ok(result) = accept(&response) {
                return Ok(result);
            }
        }
        Err(refused)
    }

    /// The response that is `wanted`.
    async fn answer(&mut self, wanted: impl Fn(&Message) -> bool) -> Result<Message, Failure> {
        loop {
            let Some(message) = self.lines.next().await.map_err(Failure::Refused)? else {
                return Err(Failure::Ended);
            };
            traffic!("<-", message.bytes());
            match message.kind() {
                Kind::Request => self.write(refusal(&message)).await,
                Kind::Notification => tracing::debug!(
                    "the server sent a message before it was \
                                                       initialized"
                ),
                Kind::Result | Kind::Error if wanted(&message) => {
                    return Ok(message);
                }
                Kind::Result | Kind::Error => {
                    tracing::warn!("the server answered a request that was not sent");
                }
            }
        }
    }

    async fn write(&mut self, message: Bytes) {
        traffic!("->", &message);
        TAP.show(|| Frame::new(Point::ToServer, Payload::of(&message)).of_server(self.server));
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

fn is_initialize(response: &Message) -> bool {
    is_anonymous(response) || response.id().and_then(own_number) == Some(INITIALIZE_ID)
}

fn is_discover(response: &Message) -> bool {
    let id = response.id().and_then(string_text);
    is_anonymous(response) || id.is_some_and(|id| id == DISCOVER_ID)
}

/// Whether it is an error without the id of a request.
fn is_anonymous(response: &Message) -> bool {
    response.kind() == Kind::Error && response.id().is_none_or(|id| id == b"null")
}

fn initialize_request(version: &str) -> Bytes {
    format!(
        r#"{{"method":"initialize","params":{{"protocolVersion":"{version}","capabilities":{{}},"clientInfo":{{"name":"mcp-proxy","version":"{}"}}}},"jsonrpc":"2.0","id":{INITIALIZE_ID}}}"#,
        crate::VERSION
    )
    .into()
}

pub(super) fn discover_request() -> Bytes {
    format!(
        r#"{{"jsonrpc":"2.0","id":"{DISCOVER_ID}","method":"{DISCOVER}","params":{{"_meta":{{{}}}}}}}"#,
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

/// A server may ping at any time; it may not ask anything else of a client without capabilities.
fn refusal(request: &Message) -> Bytes {
    let id = request.id().unwrap_or(b"null");
    if Method::of_bytes(&request.method_bytes()) == Method::Ping {
        return [br#"{"jsonrpc":"2.0","id":"#, id, br#","result":{}}"#].concat().into();
    }
    ErrorBody::new(Code::MethodNotFound, "Method not found").response(id)
}
