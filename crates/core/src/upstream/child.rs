//! A stdio server: its process, the two tasks that read and write its pipes, and its end.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{ChildStdin, ChildStdout},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

use super::{
    handshake::{self, Failure},
    process::{Pipes, Process, outcome},
};
use crate::{
    codec::line::{Line, LineBuffer, classify},
    config::UpstreamConfig,
    error::Error,
    jsonrpc::{Body, Message, escape, split},
    relay::{Cause, Outbox, Shared},
    telemetry::console_error,
};

/// How long the output of a child that has exited is still read.
const DRAIN: Duration = Duration::from_millis(250);
/// Time to end a server that has not answered the handshake.
const STOP_AFTER_FAILURE: Duration = Duration::from_secs(2);

/// A server that answers, and its supervision.
#[derive(Debug)]
pub(crate) struct Child {
    shared: Arc<Shared>,
    stop: oneshot::Sender<Duration>,
    supervision: JoinHandle<()>,
    expiry: JoinHandle<()>,
}

impl Child {
    /// Starts the server and completes the handshake with it.
    pub(crate) async fn start(config: &UpstreamConfig) -> Result<Self, Error> {
        let (mut process, Pipes { mut stdin, stdout }) = Process::spawn(&config.command)?;
        let mut lines = Lines::new(stdout, config.command.max_line_size);
        let handshake = handshake::initialize(&mut stdin, &mut lines);
        let initialize = match timeout(config.connection_timeout, handshake).await {
            Ok(Ok(initialize)) => initialize,
            failed => {
                drop(stdin);
                return Err(explain(failed.map(Result::err), &mut process, config).await);
            }
        };
        let outbox = Arc::new(Outbox::default());
        let next_id = handshake::NEXT_ID;
        let shared = Shared::new(Arc::clone(&outbox), initialize, next_id, config.request_timeout);
        let (stop, stopped) = oneshot::channel();
        let expiry = tokio::spawn(Arc::clone(&shared).expire_calls());
        let running = Running { process, shared: Arc::clone(&shared), outbox };
        let supervision = tokio::spawn(running.supervise(stdin, lines, stopped));
        Ok(Self { shared, stop, supervision, expiry })
    }

    /// What its clients connect to.
    pub(crate) fn backend(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Ends the server and everything it has started, within `budget`.
    pub(crate) async fn stop(self, budget: Duration) {
        if self.stop.send(budget).is_err() {
            tracing::debug!("the server had ended already");
        }
        if let Err(error) = self.supervision.await {
            tracing::error!(%error, "the supervision of the server failed");
        }
        self.expiry.abort();
    }
}

async fn explain(
    failed: Result<Option<Failure>, tokio::time::error::Elapsed>,
    process: &mut Process,
    config: &UpstreamConfig,
) -> Error {
    let command = process.name().to_owned();
    let status = process.stop(STOP_AFTER_FAILURE).await;
    match failed {
        Err(_) => Error::HandshakeTimeout { command, limit: config.connection_timeout },
        Ok(Some(Failure::Refused(reason))) => Error::HandshakeRefused { command, reason },
        Ok(_) => {
            let stderr = process.last_words().await;
            Error::EndedEarly { command, outcome: outcome(status), stderr }
        }
    }
}

/// A child that has been initialized.
struct Running {
    process: Process,
    shared: Arc<Shared>,
    outbox: Arc<Outbox>,
}

/// What ended a child's service.
enum End {
    Asked(Duration),
    Exited,
    /// Its output ended or broke, although it may still run.
    Output(String),
}

impl Running {
    async fn supervise(
        mut self,
        stdin: ChildStdin,
        lines: Lines<ChildStdout>,
        stopped: oneshot::Receiver<Duration>,
    ) {
        let mut writer = tokio::spawn(write_all(stdin, Arc::clone(&self.outbox)));
        let mut reader = tokio::spawn(read_all(lines, Arc::clone(&self.shared)));
        let end = tokio::select! {
            budget = stopped => End::Asked(budget.unwrap_or_default()),
            _ = self.process.exited() => End::Exited,
            reason = &mut reader => End::Output(reason.unwrap_or_else(|error| error.to_string())),
        };
        if matches!(end, End::Exited) {
            // Answers written before the exit still count.
            drop(timeout(DRAIN, &mut reader).await);
        }
        self.outbox.close();
        let budget = if let End::Asked(budget) = end { budget } else { STOP_AFTER_FAILURE };
        if timeout(budget / 4, &mut writer).await.is_err() {
            writer.abort();
        }
        let status = self.process.stop(budget).await;
        reader.abort();
        let asked = matches!(end, End::Asked(_));
        let cause = self.cause(end, outcome(status)).await;
        if !asked {
            console_error!("[mcp-proxy] {}", cause.message);
        }
        self.shared.closed(&cause);
    }

    async fn cause(&mut self, end: End, outcome: String) -> Cause {
        let message = match end {
            End::Asked(_) => "the proxy is shutting down".to_owned(),
            End::Exited => format!("the MCP server {outcome}"),
            End::Output(reason) => format!("the MCP server was stopped: {reason}"),
        };
        let words = self.process.last_words().await;
        let words: Vec<_> = words.iter().map(|line| escape(line)).collect();
        let data = format!(r#"{{"outcome":{},"stderr":[{}]}}"#, escape(&outcome), words.join(","));
        Cause { message, data: Some(data) }
    }
}

/// Writes the queue to the child until it is closed, then ends the child's input.
async fn write_all(mut stdin: ChildStdin, outbox: Arc<Outbox>) {
    while let Some(batch) = outbox.next().await {
        for bytes in batch {
            if let Err(error) = stdin.write_all(&bytes).await {
                tracing::debug!(%error, "the server does not read its input");
                return;
            }
        }
    }
}

/// Reads the child's output until it ends; says why.
async fn read_all(mut lines: Lines<ChildStdout>, shared: Arc<Shared>) -> String {
    loop {
        match lines.next().await {
            Ok(Some(message)) => shared.receive(&message),
            Ok(None) => return "it closed its output".to_owned(),
            Err(reason) => return reason,
        }
    }
}

/// Messages among the lines of a child's output.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    buffer: LineBuffer,
    limit: usize,
    batch: std::vec::IntoIter<Message>,
    ended: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, limit: usize) -> Self {
        let buffer = LineBuffer::new(limit);
        Self { reader, buffer, limit, batch: Vec::new().into_iter(), ended: false }
    }

    /// The next message; `None` at the end of the output, an error if it cannot be read on.
    pub(super) async fn next(&mut self) -> Result<Option<Message>, String> {
        loop {
            if let Some(message) = self.batch.next() {
                return Ok(Some(message));
            }
            match self.buffer.next_line() {
                Ok(Some(line)) => {
                    if let Some(message) = self.message(&line) {
                        return Ok(Some(message));
                    }
                }
                Ok(None) if self.ended => return Ok(None),
                Ok(None) => self.read().await?,
                Err(_) => {
                    let limit = self.limit;
                    return Err(format!(
                        "it wrote a line of more than {limit} bytes; --maxLineSize sets the limit"
                    ));
                }
            }
        }
    }

    async fn read(&mut self) -> Result<(), String> {
        let count = self.reader.read_buf(self.buffer.room()).await;
        if count.map_err(|error| format!("its output cannot be read: {error}"))? == 0 {
            self.ended = true;
            let rest = self.buffer.rest();
            let last = self.message(&rest);
            self.batch = last.into_iter().collect::<Vec<_>>().into_iter();
        }
        Ok(())
    }

    fn message(&mut self, line: &Bytes) -> Option<Message> {
        match classify(line) {
            Line::Blank => None,
            Line::Noise(text) => {
                let text = String::from_utf8_lossy(&text);
                console_error!("[mcp-proxy] ignoring non-JSON output [ '{text}' ]");
                None
            }
            Line::Prefixed { noise, candidate } => {
                let noise = String::from_utf8_lossy(&noise);
                console_error!("[mcp-proxy] stripped non-JSON prefix from output: {noise}");
                self.parse(candidate)
            }
            Line::Candidate(text) => self.parse(text),
        }
    }

    fn parse(&mut self, text: Bytes) -> Option<Message> {
        let text = if std::str::from_utf8(&text).is_ok() {
            text
        } else {
            tracing::warn!("the server wrote invalid UTF-8; it is replaced by U+FFFD");
            String::from_utf8_lossy(&text).into_owned().into()
        };
        match split(text) {
            Ok(Body::One(message)) => Some(message),
            Ok(Body::Many(messages)) => {
                self.batch = messages.into_iter();
                self.batch.next()
            }
            Err(error) => {
                tracing::warn!(%error, "the server wrote a line that is no message");
                None
            }
        }
    }
}
