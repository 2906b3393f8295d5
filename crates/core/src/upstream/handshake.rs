//! The `initialize` handshake with a server of the 2025 era.

use bytes::Bytes;
use tokio::{
    io::AsyncWriteExt,
    process::{ChildStdin, ChildStdout},
};

use super::child::Lines;
use crate::{
    jsonrpc::{Code, ErrorBody, Kind, Message, Span, decode_string, find_member},
    protocol::{LATEST_LEGACY, Method, is_legacy},
    relay::InitializeResult,
    telemetry::traffic,
};

/// Id of the handshake's request; those of later requests follow.
const INITIALIZE_ID: u64 = 0;
/// First id that is free after the handshake.
pub(super) const NEXT_ID: u64 = INITIALIZE_ID + 1;

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server's output ended.
    Ended,
    /// It answered, but not as a server does.
    Refused(String),
}

/// Introduces the proxy as a client without capabilities, and takes the server's answer.
pub(super) async fn initialize(
    stdin: &mut ChildStdin,
    lines: &mut Lines<ChildStdout>,
) -> Result<InitializeResult, Failure> {
    let request = format!(
        r#"{{"method":"initialize","params":{{"protocolVersion":"{LATEST_LEGACY}","capabilities":{{}},"clientInfo":{{"name":"mcp-proxy","version":"{}"}}}},"jsonrpc":"2.0","id":{INITIALIZE_ID}}}"#,
        crate::VERSION
    );
    write(stdin, request.into()).await?;
    let response = loop {
        let Some(message) = lines.next().await.map_err(Failure::Refused)? else {
            return Err(Failure::Ended);
        };
        match message.kind() {
            Kind::Request => write(stdin, answer(&message)).await?,
            Kind::Notification => tracing::debug!("the server spoke before it was initialized"),
            Kind::Result | Kind::Error if message.id() == Some(b"0") => break message,
            Kind::Result | Kind::Error => tracing::warn!("the server answered an unasked request"),
        }
    };
    let result = accept(&response)?;
    let initialized = br#"{"method":"notifications/initialized","jsonrpc":"2.0"}"#;
    write(stdin, Bytes::from_static(initialized)).await?;
    Ok(result)
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
fn answer(request: &Message) -> Bytes {
    let id = request.id().unwrap_or(b"null");
    if Method::of(&request.method()) == Method::Ping {
        return [br#"{"jsonrpc":"2.0","id":"#, id, br#","result":{}}"#].concat().into();
    }
    ErrorBody::new(Code::MethodNotFound, "Method not found").response(id)
}

async fn write(stdin: &mut ChildStdin, message: Bytes) -> Result<(), Failure> {
    traffic!("->", &message);
    let written = async {
        stdin.write_all(&message).await?;
        stdin.write_all(b"\n").await?;
        stdin.flush().await
    };
    // A server that has closed its input is about to end: its output says how.
    if let Err(error) = written.await {
        tracing::debug!(%error, "the server does not read its input");
    }
    Ok(())
}
