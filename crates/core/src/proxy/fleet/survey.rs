//! Finds out a server's name and the number of its tools, with a client of the proxy's own.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use tokio::{sync::oneshot, time::timeout};

use super::{
    arrivals::Arrived,
    running::{Known, Running},
};
use crate::{
    config::Upstream,
    fleet::printable,
    jsonrpc::Message,
    protocol::INITIALIZED,
    relay::{
        Answer, Backend, Client, Connection, Memory, OpenError, Outgoing, Sink, merged::Guarded,
        reply_to,
    },
    upstream::{Remote, Upstream as _},
};

/// Time limit for the answers after the handshake.
const PATIENCE: Duration = Duration::from_secs(30);
/// Most pages of tools that are counted.
const MAX_PAGES: usize = 1000;
/// Longest text that is shown.
const LONGEST: usize = 200;

/// What is known about a server, and the connection that reports changes, if there is one.
pub(super) type Survey = (Arrived, Option<Asking>);

/// Asks the server; fails with a sentence if the server cannot be used at the moment.
pub(super) async fn survey(server: &Running) -> Result<Survey, String> {
    match &server.config.upstream {
        Ok(Upstream::Remote(config)) if config.oauth.is_some() => {
            // Without its sign-in, which is started only for clients.
            let config = crate::config::RemoteConfig { oauth: None, ..(**config).clone() };
            let remote = Remote::new(&config).map_err(|error| error.to_string())?;
            let arrived = ask_all(&*remote.backend(), Client::default()).await;
            remote.stop(Duration::ZERO).await;
            arrived.map(|(arrived, _)| (arrived, None))
        }
        upstream => {
            // As callers see it who may do everything.
            let late = Arc::new(server.late.clone());
            let guarded = Guarded::new(late, &server.config.rules);
            // A remote server would have to keep a stream open for it.
            let hears = matches!(upstream, Ok(Upstream::Command(_)));
            let ear = || Arc::new(Ear(Arc::clone(&server.known))) as Arc<dyn Sink>;
            let client = Client { unsolicited: hears.then(ear), ..Client::default() };
            let (arrived, asking) = ask_all(&*guarded, client).await?;
            Ok((arrived, Some(asking).filter(|_| hears)))
        }
    }
}

/// Notices that a server's tools have changed.
struct Ear(Arc<Known>);

impl Sink for Ear {
    fn write(&self, outgoing: Outgoing<'_>) {
        let message = outgoing.message();
        if message.is_some_and(|message| *message.method() == *TOOLS_CHANGED) {
            self.0.is_old();
        }
    }

    fn forget(&self) {}
}

const TOOLS_CHANGED: &str = "notifications/tools/list_changed";

async fn ask_all(backend: &dyn Backend, client: Client) -> Result<(Arrived, Asking), String> {
    let connection = backend.open(client).await.map_err(|error| match error {
        OpenError::Upstream(error) => error.message,
        OpenError::Refused(_) => "the proxy is refused".to_owned(),
    })?;
    let asking = Asking(connection);
    let said = match asking.greet().await {
        Ok(said) => said,
        Err(error) if signs_in(&error) => {
            return Ok((Arrived { signs_in: true, ..Arrived::default() }, asking));
        }
        Err(error) => return Err(text(&error["message"]).unwrap_or_else(unanswered)),
    };
    let info = &said["serverInfo"];
    let words = [text(&info["name"]), text(&info["version"])];
    let server = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let tools = match said["capabilities"].get("tools") {
        Some(_) => timeout(PATIENCE, asking.count_tools()).await.ok().flatten(),
        None => Some(0),
    };
    let server = (!server.is_empty()).then_some(server);
    Ok((Arrived { server, tools, signs_in: false }, asking))
}

fn unanswered() -> String {
    "it did not answer the handshake".to_owned()
}

/// Whether a refusal is about the caller.
fn signs_in(error: &Value) -> bool {
    matches!(error["data"]["status"].as_u64(), Some(401 | 403))
}

/// A server's text in a form that may be shown.
fn text(value: &Value) -> Option<String> {
    let text: String = value.as_str()?.chars().take(LONGEST).collect();
    Some(printable(text.trim())).filter(|text| !text.is_empty())
}

/// The proxy's own connection; closed when it is dropped.
pub(super) struct Asking(Arc<dyn Connection>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Asking {
    /// Makes the handshake; returns the result, or the error.
    async fn greet(&self) -> Result<Value, Value> {
        let greeting = Memory::default().greeting().ok_or(Value::Null)?;
        let result = self.ask(greeting).await?;
        if let Ok(told) = Message::parse(INITIALIZED.into())
            && let Some(sending) = self.0.send(told, None, None)
        {
            sending.await;
        }
        Ok(result)
    }

    async fn count_tools(&self) -> Option<usize> {
        let (mut count, mut cursor) = (0, None::<Value>);
        for page in 1..=MAX_PAGES {
            let params = cursor.map_or_else(String::new, |cursor| format!(r#""cursor":{cursor}"#));
            let text = format!(
                r#"{{"jsonrpc":"2.0","id":{page},"method":"tools/list","params":{{{params}}}}}"#
            );
            let mut result = self.ask(Message::parse(text.into()).ok()?).await.ok()?;
            count += result["tools"].as_array().map_or(0, Vec::len);
            cursor = Some(result["nextCursor"].take()).filter(Value::is_string);
            if cursor.is_none() {
                return Some(count);
            }
        }
        None
    }

    /// The result of a request, or the error.
    async fn ask(&self, request: Message) -> Result<Value, Value> {
        let (told, answer) = oneshot::channel();
        // If the receiver was dropped, nobody waits any more.
        let reply = reply_to(&request, move |answer| drop(told.send(answer)));
        if let Some(sending) = self.0.send(request, Some(reply), None) {
            sending.await;
        }
        let (response, member) = match answer.await.unwrap_or(Answer::None) {
            Answer::Result(response) => (response, "result"),
            Answer::Error(response) => (response, "error"),
            Answer::None => return Err(Value::Null),
        };
        let mut response: Value = serde_json::from_slice(response.bytes()).unwrap_or_default();
        let value = response[member].take();
        if member == "result" { Ok(value) } else { Err(value) }
    }
}
