//! One client of a server, in this process: it sends requests one after the other.
//!
//! It connects like any client on standard input and output, over an in-memory pipe, so eras,
//! sign-in and limits work as for every client.

use std::{fmt, future::pending, sync::Arc, time::Duration};

use bytes::BytesMut;
use futures_util::{FutureExt as _, future::BoxFuture};
use serde_json::{Value, json};
use tokio::{
    io::{
        AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines, ReadHalf,
        WriteHalf, duplex, split,
    },
    task::JoinHandle,
    time::timeout,
};

use crate::{
    config::{self, ChildStderr, FleetConfig, Isolation, RestartWhen},
    downstream::stdio::{self, Ended},
    error::Error,
    jsonrpc::Code,
    protocol::{INITIALIZED, LATEST_LEGACY},
    proxy::{Arrivals, Fleet},
    relay::Backend,
    runtime::task,
    upstream::{Guard, Remote, Upstream, start},
};

/// Time limit for the server's end.
const FAREWELL: Duration = Duration::from_secs(3);
/// Bytes that may wait in the pipe to the front.
const PIPE: usize = 64 * 1024;
/// Most pages of a list that are read.
const MAX_PAGES: usize = 1000;

/// The far end of the pipe.
type Streams = (ReadHalf<DuplexStream>, WriteHalf<DuplexStream>);

/// Called with each notification of the server: its method and its params.
pub type Listening = Box<dyn FnMut(&str, &Value) + Send>;

/// See the module. Closing it ends its server; if it is dropped, the runtime does that.
pub struct Conversation {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    output: WriteHalf<DuplexStream>,
    /// Resolves to the failure, if there was one.
    serving: Option<JoinHandle<Option<String>>>,
    behind: Behind,
    listening: Listening,
    last: u64,
    introduction: Value,
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation").field("behind", &self.behind).finish_non_exhaustive()
    }
}

/// What is spoken with.
#[derive(Debug)]
enum Behind {
    Server(Box<dyn Upstream>),
    Remote(Remote),
    Fleet(Arc<Fleet>),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Unanswered {
    /// The server cannot be reached, does not work, or has ended; says why.
    Unreached(String),
    /// The server requires credentials, or other ones; says which.
    Unauthorized(String),
    /// The answer was a JSON-RPC error, from the server or from the proxy.
    Error {
        /// The error's code.
        code: i64,
        /// The error's message, as the server wrote it.
        message: String,
        /// The error's data; null if there are none.
        data: Value,
    },
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreached(reason) | Self::Unauthorized(reason) => f.write_str(reason),
            Self::Error { code, message, .. } => write!(f, "{message} (error {code})"),
        }
    }
}

impl From<Error> for Unanswered {
    fn from(error: Error) -> Self {
        Self::Unreached(error.to_string())
    }
}

impl Conversation {
    /// Starts or reaches the server and makes the handshake. Needs a Tokio runtime.
    ///
    /// The server is used once: it is not restarted and not shared, and lines of its standard error
    /// become events. The guard ends it if this process is killed.
    ///
    /// # Errors
    /// [`Unanswered::Unreached`] and [`Unanswered::Unauthorized`]; [`Unanswered::Error`] if it
    /// refuses the handshake.
    pub fn open(
        config: config::Upstream,
        guard: Option<Guard>,
        listening: Listening,
    ) -> BoxFuture<'static, Result<Self, Unanswered>> {
        Box::pin(async move {
            let config = for_one_use(config);
            let (behind, backend) = match &config {
                config::Upstream::Remote(config) => {
                    let remote = Remote::new(config)?;
                    let backend: Arc<dyn Backend> = Arc::new(remote.clone());
                    (Behind::Remote(remote), backend)
                }
                config::Upstream::Command(_) => {
                    let server = start(&config, guard).await?;
                    let backend = server.backend();
                    (Behind::Server(server), backend)
                }
            };
            let longest = longest(&config);
            let serving = move |streams| async move {
                match stdio::serve(backend, longest, streams, pending()).await {
                    Ended::Cleanly => None,
                    Ended::Failed(reason) => Some(reason),
                }
            };
            Self::with(behind, serving, listening).met().await
        })
    }

    /// The same with many servers merged. Those that cannot be used are left out, and reported on
    /// the console.
    ///
    /// # Errors
    /// As [`Self::open`], if none of the servers can be used.
    pub fn open_fleet(
        config: FleetConfig,
        guard: Option<Guard>,
        listening: Listening,
    ) -> BoxFuture<'static, Result<Self, Unanswered>> {
        Box::pin(async move {
            let mut config = config;
            for server in &mut config.servers {
                server.lazy = false;
                server.upstream = server.upstream.clone().map(for_one_use);
            }
            let expected = config.enabled().count();
            let mut fleet = Fleet::start_without_port(config, guard)?;
            let missing = missing(fleet.arrivals(), expected).await;
            if missing.len() == expected {
                fleet.close().await;
                return Err(Unanswered::Unreached(sentence(&missing)));
            }
            let fleet = Arc::new(fleet);
            let served = Arc::clone(&fleet);
            let serving = move |streams| async move {
                served.run(streams, pending()).await.err().map(|error| error.to_string())
            };
            Self::with(Behind::Fleet(fleet), serving, listening).met().await
        })
    }

    fn with<S>(behind: Behind, serving: impl FnOnce(Streams) -> S, listening: Listening) -> Self
    where
        S: Future<Output = Option<String>> + Send + 'static,
    {
        let (near, far) = duplex(PIPE);
        let (input, output) = split(near);
        Self {
            lines: BufReader::new(input).lines(),
            output,
            serving: Some(task::spawn(serving(split(far)))),
            behind,
            listening,
            last: 0,
            introduction: Value::Null,
        }
    }

    /// The same after the handshake.
    async fn met(mut self) -> Result<Self, Unanswered> {
        match self.shake_hands().await {
            Ok(()) => Ok(self),
            Err(unanswered) => {
                self.end().await;
                Err(unanswered)
            }
        }
    }

    async fn shake_hands(&mut self) -> Result<(), Unanswered> {
        let params = json!({
            "protocolVersion": LATEST_LEGACY,
            "capabilities": {},
            "clientInfo": { "name": "mcp-proxy", "version": crate::VERSION },
        });
        self.introduction = self.exchange("initialize", params).await?;
        let line = format!("{INITIALIZED}\n");
        if self.output.write_all(line.as_bytes()).await.is_err() {
            return Err(self.gone().await);
        }
        Ok(())
    }

    /// What the server said about itself: the result of `initialize`.
    pub fn introduction(&self) -> &Value {
        &self.introduction
    }

    /// Sends a request; returns the result, or why there is none. Requests from the server are
    /// refused meanwhile.
    pub fn ask<'a>(
        &'a mut self,
        method: &'a str,
        params: Value,
    ) -> BoxFuture<'a, Result<Value, Unanswered>> {
        Box::pin(self.exchange(method, params))
    }

    /// Every entry of a list, from all its pages: `tools/list` has them in `tools`.
    ///
    /// # Errors
    /// As [`Self::ask`]. A server that repeats a page is not asked any further.
    pub fn list<'a>(
        &'a mut self,
        method: &'a str,
        member: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Value>, Unanswered>> {
        Box::pin(async move {
            let mut entries = Vec::new();
            let mut cursors: Vec<Value> = Vec::new();
            let mut params = json!({});
            for _ in 0..MAX_PAGES {
                let mut page = self.exchange(method, params).await?;
                if let Value::Array(more) = page[member].take() {
                    entries.extend(more);
                }
                let next = page["nextCursor"].take();
                if !next.is_string() || cursors.contains(&next) {
                    break;
                }
                params = json!({ "cursor": next });
                cursors.push(next);
            }
            Ok(entries)
        })
    }

    /// Ends the conversation and the server.
    pub fn close(self) -> BoxFuture<'static, ()> {
        Box::pin(self.end())
    }

    async fn end(self) {
        let Self { lines, output, mut serving, behind, .. } = self;
        drop((lines, output));
        if let Some(serving) = serving.as_mut()
            && timeout(FAREWELL, &mut *serving).await.is_err()
        {
            serving.abort();
        }
        match behind {
            Behind::Server(server) => server.stop(FAREWELL).await,
            Behind::Remote(remote) => remote.stop(FAREWELL).await,
            Behind::Fleet(fleet) => {
                if let Some(fleet) = Arc::into_inner(fleet) {
                    fleet.close().await;
                }
            }
        }
    }

    async fn exchange(&mut self, method: &str, params: Value) -> Result<Value, Unanswered> {
        self.last += 1;
        let id = self.last;
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let mut outgoing = BytesMut::from(line(&request).as_bytes());
        loop {
            let read = tokio::select! {
                written = self.output.write_buf(&mut outgoing), if !outgoing.is_empty() => {
                    if written.is_err() {
                        return Err(self.gone().await);
                    }
                    continue;
                }
                read = self.lines.next_line() => read,
            };
            let Ok(Some(text)) = read else { return Err(self.gone().await) };
            let Ok(mut message) = serde_json::from_str::<Value>(&text) else { continue };
            match message["method"].as_str() {
                Some(_) if !message["id"].is_null() => {
                    outgoing.extend_from_slice(line(&refusal(&message)).as_bytes());
                }
                Some(method) => (self.listening)(method, &message["params"]),
                None if message["id"] != id => {}
                None if message["error"].is_object() => return Err(self.refused(&message["error"])),
                None => return Ok(message["result"].take()),
            }
        }
    }

    /// What an error means: if the server has ended, the error only says that.
    fn refused(&self, error: &Value) -> Unanswered {
        let text = error["message"].as_str().unwrap_or_default().to_owned();
        let status = error["data"]["status"].as_u64();
        if let Some(failure) = self.failure() {
            return match status {
                Some(401 | 403) => Unanswered::Unauthorized(failure),
                _ => Unanswered::Unreached(failure),
            };
        }
        if matches!(self.behind, Behind::Remote(_)) && matches!(status, Some(401 | 403)) {
            return Unanswered::Unauthorized(text);
        }
        if let Behind::Server(server) = &self.behind
            && let Some(reason) = server.ended().now_or_never()
        {
            return Unanswered::Unreached(reason);
        }
        let code = error["code"].as_i64().unwrap_or_default();
        Unanswered::Error { code, message: text, data: error["data"].clone() }
    }

    /// Why a remote server could not be reached, if that was tried.
    fn failure(&self) -> Option<String> {
        match &self.behind {
            Behind::Remote(remote) => remote.failure(),
            Behind::Server(_) | Behind::Fleet(_) => None,
        }
    }

    /// Why the front does not work any more.
    async fn gone(&mut self) -> Unanswered {
        let ended = match self.serving.take() {
            Some(serving) => serving.await.ok().flatten(),
            None => None,
        };
        let reason = self.failure().or(ended);
        Unanswered::Unreached(
            reason.unwrap_or_else(|| "the server has ended the conversation".to_owned()),
        )
    }
}

/// Waits until every server has started or failed; returns those that failed, and why.
async fn missing(mut arrivals: Arrivals, expected: usize) -> Vec<(String, String)> {
    let mut missing = Vec::new();
    for _ in 0..expected {
        let Some(arrival) = arrivals.next().await else { break };
        if let Err(reason) = arrival.outcome {
            missing.push((arrival.name, reason));
        }
    }
    missing
}

fn sentence(missing: &[(String, String)]) -> String {
    let each: Vec<String> =
        missing.iter().map(|(name, reason)| format!("{name}: {reason}")).collect();
    if each.is_empty() { "there is no server".to_owned() } else { each.join("\n") }
}

fn line(message: &Value) -> String {
    format!("{message}\n")
}

/// The answers of a client without capabilities.
fn refusal(request: &Value) -> Value {
    let id = &request["id"];
    if request["method"] == "ping" {
        return json!({ "jsonrpc": "2.0", "id": id, "result": {} });
    }
    let code = Code::MethodNotFound.number();
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": "Method not found" } })
}

/// The configuration without what only matters for long-running servers.
fn for_one_use(mut config: config::Upstream) -> config::Upstream {
    match &mut config {
        config::Upstream::Command(command) => {
            command.restart.when = RestartWhen::Never;
            command.listen_early = false;
            command.isolation = Isolation::Shared;
            command.prewarm = 0;
            command.ping = None;
            command.command.stderr = ChildStderr::Events;
        }
        config::Upstream::Remote(remote) => {
            remote.ping = None;
            remote.wait = Duration::ZERO;
        }
    }
    config
}

fn longest(config: &config::Upstream) -> usize {
    match config {
        config::Upstream::Command(config) => config.command.max_line_size,
        config::Upstream::Remote(config) => config.max_message_size,
    }
}
