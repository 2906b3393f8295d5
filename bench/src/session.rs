//! One client's session with a contestant, in any of the dialects.

use bytes::Bytes;
use memchr::memmem;
use serde::Deserialize;

use crate::{
    events::{EventLines, EventStream},
    failure::Failure,
    http::{ContentType, Head, HttpConnection},
    request::{self, Dialect, LEGACY_VERSION, Route, Target},
};

/// The id of every `initialize`; calls start far above it.
const INITIALIZE_ID: u64 = 1;
/// The id of every question.
const ASK_ID: u64 = 2;

/// An open session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) route: Route,
    /// The stream that carries the answers, in HTTP+SSE.
    pub(crate) events: Option<EventStream>,
}

#[derive(Deserialize)]
struct Initialized {
    id: u64,
    result: InitializeResult,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InitializeResult {
    protocol_version: String,
}

#[derive(Deserialize)]
struct Answered {
    result: CallResult,
}

#[derive(Deserialize)]
struct CallResult {
    content: [Content; 1],
}

#[derive(Deserialize)]
struct Content {
    text: String,
}

impl Session {
    /// Opens a session, over `connection` where the dialect needs no other.
    pub(crate) async fn open(
        target: &Target,
        dialect: Dialect,
        connection: &mut HttpConnection,
    ) -> Result<Self, Failure> {
        match dialect {
            Dialect::Streamable => streamable(target, connection).await,
            Dialect::Sse => sse(target, connection).await,
            Dialect::Stateless => Ok(Self {
                route: Route {
                    path: target.stream_path.to_owned(),
                    headers: format!("mcp-protocol-version: {LEGACY_VERSION}\r\n"),
                },
                events: None,
            }),
            Dialect::Modern => Ok(Self {
                route: Route { path: target.stream_path.to_owned(), headers: String::new() },
                events: None,
            }),
        }
    }
}

/// Ends a session; what the contestant answers is its own affair.
pub(crate) async fn close(
    target: &Target,
    route: &Route,
    connection: &mut HttpConnection,
) -> Result<(), Failure> {
    connection.send(&request::delete(target, route)).await?;
    connection.head().await?;
    connection.body().await.map(|_| ())
}

/// Calls a tool of a Node server that takes no arguments; the text of its answer.
pub(crate) async fn ask(
    target: &Target,
    route: &Route,
    connection: &mut HttpConnection,
    tool: &str,
) -> Result<String, Failure> {
    let body = request::question(ASK_ID, tool);
    connection.send(&request::post(target, &route.path, &route.headers, &body)).await?;
    let (head, body) = answer(connection).await?;
    let message = message(&head, body)?;
    let answered: Answered =
        serde_json::from_slice(&message).map_err(|_| Failure::wrong(tool, &message))?;
    let [Content { text }] = answered.result.content;
    Ok(text)
}

/// Lists the tools; the message that answers.
pub(crate) async fn list(
    target: &Target,
    route: &Route,
    connection: &mut HttpConnection,
) -> Result<Bytes, Failure> {
    let body = request::list(ASK_ID);
    connection.send(&request::post(target, &route.path, &route.headers, &body)).await?;
    let (head, body) = answer(connection).await?;
    message(&head, body)
}

async fn streamable(target: &Target, connection: &mut HttpConnection) -> Result<Session, Failure> {
    let path = target.stream_path;
    let body = request::initialize(INITIALIZE_ID);
    connection.send(&request::post(target, path, "", &body)).await?;
    let (head, body) = answer(connection).await?;
    let message = message(&head, body)?;
    let version = version(&message)?;
    let mut headers = format!("mcp-protocol-version: {version}\r\n");
    if let Some(session) = head.session {
        headers.push_str("mcp-session-id: ");
        headers.push_str(&session);
        headers.push_str("\r\n");
    }
    connection.send(&request::post(target, path, &headers, request::INITIALIZED)).await?;
    answer(connection).await?;
    Ok(Session { route: Route { path: path.to_owned(), headers }, events: None })
}

async fn sse(target: &Target, connection: &mut HttpConnection) -> Result<Session, Failure> {
    let mut stream = HttpConnection::open(target.addr).await?;
    stream.send(&request::get_events(target, target.sse_path)).await?;
    let head = stream.head().await?;
    if head.status != 200 {
        return Err(Failure::status(head.status, &stream.body().await?));
    }
    let mut events = EventStream::new(stream);
    let endpoint = next(&mut events).await?;
    let endpoint = String::from_utf8_lossy(&endpoint).into_owned();
    // Some name the whole URL, some the path.
    let path = match endpoint.split_once("://") {
        Some((_, rest)) => rest[rest.find('/').unwrap_or_default()..].to_owned(),
        None => endpoint,
    };
    let body = request::initialize(INITIALIZE_ID);
    connection.send(&request::post(target, &path, "", &body)).await?;
    answer(connection).await?;
    first_answer(&mut events).await?;
    connection.send(&request::post(target, &path, "", request::INITIALIZED)).await?;
    answer(connection).await?;
    Ok(Session { route: Route { path, headers: String::new() }, events: Some(events) })
}

async fn next(events: &mut EventStream) -> Result<Bytes, Failure> {
    events.next().await?.ok_or_else(|| Failure::wrong("end of stream", b""))
}

/// Waits for the answer to `initialize`; some send notifications before it.
async fn first_answer(events: &mut EventStream) -> Result<(), Failure> {
    let notification = |message: &[u8]| memmem::find(message, b"\"method\"").is_some();
    let mut message = next(events).await?;
    while message.is_empty() || notification(&message) {
        message = next(events).await?;
    }
    version(&message).map(|_| ())
}

/// A successful response.
async fn answer(connection: &mut HttpConnection) -> Result<(Head, Bytes), Failure> {
    let head = connection.head().await?;
    let body = connection.body().await?;
    match head.status {
        200 | 202 => Ok((head, body)),
        status => Err(Failure::status(status, &body)),
    }
}

/// The one message of a response.
fn message(head: &Head, body: Bytes) -> Result<Bytes, Failure> {
    if head.content_type != ContentType::EventStream {
        return Ok(body);
    }
    let mut lines = EventLines::default();
    lines.push(&body);
    std::iter::from_fn(|| lines.next())
        .find(|message| !message.is_empty())
        .ok_or_else(|| Failure::wrong("stream without a message", &body))
}

fn version(message: &[u8]) -> Result<String, Failure> {
    let parsed: Initialized =
        serde_json::from_slice(message).map_err(|_| Failure::wrong("initialize", message))?;
    if parsed.id != INITIALIZE_ID {
        return Err(Failure::wrong("initialize id", message));
    }
    Ok(parsed.result.protocol_version)
}
