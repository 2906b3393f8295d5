//! One run of a stdio server: its process, the two tasks that read and write its pipes, and its
//! end.

use std::{
    collections::VecDeque,
    future::Future,
    io::{self, IoSlice},
    sync::Arc,
    time::Duration,
};

use bytes::{Buf, Bytes};
use tokio::{
    io::AsyncWriteExt,
    process::{ChildStdin, ChildStdout},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    guard::Guard,
    handshake::{Failure, Greeting},
    lines::Lines,
    process::{Pipes, Process, outcome},
};
use crate::{
    config::CommandConfig,
    era::modern_server::DISCOVER,
    error::Error,
    jsonrpc::escape,
    relay::{Cause, InitializeResult, Listener, Outbox, Volume},
    runtime::task,
    watch::{Frame, Payload, Point, TAP},
};

/// How long the output of a child that has exited is still read.
const DRAIN: Duration = Duration::from_millis(250);
/// How long a child whose output has ended has to exit before it is stopped. The system closes the
/// pipes of a process before it reports its end, and on a busy machine there may be a long time in
/// between.
const END_OF_OUTPUT: Duration = Duration::from_secs(1);
/// Time for ending a server whose handshake failed.
pub(super) const STOP_AFTER_FAILURE: Duration = Duration::from_secs(2);

/// A running server.
#[derive(Debug)]
pub(super) struct Child {
    process: Process,
    stdin: ChildStdin,
    lines: Lines<ChildStdout>,
    volume: Arc<Volume>,
}

/// The first request to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    Initialize,
    Discover,
    /// Discover; initialize if that is not answered within this time or not understood.
    Probe(Duration),
}

impl Opening {
    fn request(self) -> &'static str {
        match self {
            Self::Initialize => "initialize",
            Self::Discover | Self::Probe(_) => DISCOVER,
        }
    }
}

/// A server that was ended because its handshake failed.
#[derive(Debug)]
pub(super) struct Unwelcome {
    pub(super) error: Error,
    /// Whether trying another era is pointless.
    pub(super) is_final: bool,
}

/// Why a running server is stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// The proxy does not need it any more; the time that its end may take.
    Asked(Duration),
    /// It does not answer; the text completes "the MCP server …".
    Hung(String),
}

/// How a run ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) cause: Cause,
    /// It was told to end.
    pub(super) asked: bool,
    /// It exited by itself with code 0.
    pub(super) succeeded: bool,
}

enum End {
    Told(Stop),
    Exited,
    /// Its output ended or broke, although it may still run.
    Output(String),
}

impl Child {
    /// Its process id, while it runs.
    pub(super) fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    /// Starts the command; `volume` counts the bytes in its pipes.
    pub(super) fn spawn(
        config: &CommandConfig,
        guard: Option<&Guard>,
        volume: &Arc<Volume>,
    ) -> Result<Self, Error> {
        let (process, Pipes { stdin, stdout }) = Process::spawn(config, guard)?;
        let lines = Lines::new(stdout, config.max_line_size)
            .counted(Arc::clone(volume))
            .of_server(process.number())
            .named(config.name.as_deref());
        Ok(Self { process, stdin, lines, volume: Arc::clone(volume) })
    }

    /// Makes the handshake with the server within `limit`, or ends it.
    pub(super) async fn greet(
        mut self,
        opening: Opening,
        limit: Duration,
    ) -> Result<(Self, InitializeResult), Unwelcome> {
        let server = self.process.number();
        let greeting = Greeting { stdin: &mut self.stdin, lines: &mut self.lines, server };
        let greeted = async {
            match opening {
                Opening::Initialize => greeting.initialize().await,
                Opening::Discover => greeting.discover().await,
                Opening::Probe(patience) => greeting.probe(patience).await,
            }
        };
        match timeout(limit, greeted).await {
            Ok(Ok(introduction)) => Ok((self, introduction)),
            Ok(Err(failure)) => Err(self.explain(opening, Some(failure), limit).await),
            Err(_) => Err(self.explain(opening, None, limit).await),
        }
    }

    /// Ends a server whose handshake failed.
    pub(super) async fn stop(self, budget: Duration) {
        let Self { mut process, stdin, .. } = self;
        drop(stdin);
        process.stop(budget).await;
    }

    async fn explain(
        self,
        opening: Opening,
        failure: Option<Failure>,
        limit: Duration,
    ) -> Unwelcome {
        let Self { mut process, stdin, lines, .. } = self;
        drop(stdin);
        let command = process.name().to_owned();
        let hint = process.hint().filter(|_| !lines.has_read());
        let request = opening.request();
        let status = process.stop(STOP_AFTER_FAILURE).await;
        let is_final = matches!(failure, Some(Failure::NoSharedRevision(_)));
        let error = match failure {
            None => Error::HandshakeTimeout { command, request, limit, hint },
            Some(Failure::Refused(reason)) => Error::HandshakeRefused { command, request, reason },
            Some(Failure::NoSharedRevision(revisions)) => {
                let reason = format!("it speaks protocol revisions {revisions} only");
                Error::HandshakeRefused { command, request, reason }
            }
            Some(Failure::Ended) => {
                let stderr = process.last_words().await;
                Error::EndedEarly { command, request, outcome: outcome(status), stderr }
            }
        };
        Unwelcome { error, is_final }
    }

    /// Whether it still runs.
    pub(super) fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// Carries messages until the server ends or is told to end.
    pub(super) async fn serve(
        self,
        outbox: Arc<Outbox>,
        listener: Arc<impl Listener + 'static>,
        told: impl Future<Output = Stop>,
    ) -> Ended {
        let Self { mut process, stdin, lines, volume } = self;
        let ending = CancellationToken::new();
        let server = process.number();
        let writing = write_all(stdin, server, Arc::clone(&outbox), volume);
        let mut writer = tokio::spawn(task::inherited(writing));
        let reading = read_all(lines, listener, ending.clone());
        let mut reader = tokio::spawn(task::inherited(reading));
        let mut end = tokio::select! {
            stop = told => End::Told(stop),
            _ = process.exited() => End::Exited,
            reason = &mut reader => End::Output(reason.unwrap_or_else(|error| error.to_string())),
        };
        // The rest of its output is little, and nobody needs to wait for it any more.
        ending.cancel();
        if matches!(end, End::Output(_)) && timeout(END_OF_OUTPUT, process.exited()).await.is_ok() {
            // Its output ended because the process did; the exit status says more.
            end = End::Exited;
        } else if matches!(end, End::Exited) {
            // Answers written before the exit still count.
            drop(timeout(DRAIN, &mut reader).await);
        }
        outbox.close();
        let budget = match end {
            End::Told(Stop::Asked(budget)) => budget,
            _ => STOP_AFTER_FAILURE,
        };
        if timeout(budget / 4, &mut writer).await.is_err() {
            writer.abort();
        }
        let status = process.stop(budget).await;
        reader.abort();
        let exited = matches!(end, End::Exited);
        Ended {
            asked: matches!(end, End::Told(Stop::Asked(_))),
            succeeded: exited && status.is_some_and(|status| status.success()),
            cause: cause(&mut process, end, &outcome(status)).await,
        }
    }
}

/// Why a server could not be started; its own words are kept apart, since not everybody may read
/// them.
pub(super) fn failure(error: &Error) -> Cause {
    let (message, data) = match error {
        Error::EndedEarly { command, request, outcome, stderr } => {
            let message =
                format!("the MCP server {command:?} {outcome} before it answered \"{request}\"");
            (message, Some(particulars(outcome, stderr)))
        }
        Error::HandshakeRefused { command, request, reason } => {
            let message = format!("the MCP server {command:?} refused \"{request}\"");
            (message, Some(format!("{{\"reason\":{}}}", escape(reason))))
        }
        _ => (error.to_string(), None),
    };
    Cause { message, data }
}

fn particulars(outcome: &str, stderr: &[String]) -> String {
    let words: Vec<_> = stderr.iter().map(|line| escape(line)).collect();
    format!(r#"{{"outcome":{},"stderr":[{}]}}"#, escape(outcome), words.join(","))
}

async fn cause(process: &mut Process, end: End, outcome: &str) -> Cause {
    let message = match end {
        End::Told(Stop::Asked(_)) => "the proxy is shutting down".to_owned(),
        End::Told(Stop::Hung(reason)) => format!("the MCP server {reason}"),
        End::Exited => format!("the MCP server {outcome}"),
        End::Output(reason) => format!("the MCP server was stopped: {reason}"),
    };
    let words = process.last_words().await;
    Cause { message, data: Some(particulars(outcome, &words)) }
}

/// Writes the queue to the child until it is closed, then ends the child's input.
async fn write_all(stdin: ChildStdin, server: u32, outbox: Arc<Outbox>, volume: Arc<Volume>) {
    let mut stdin = match input(stdin) {
        Ok(stdin) => stdin,
        Err(error) => {
            tracing::error!(%error, "the server's input cannot be written");
            return;
        }
    };
    while let Some(batch) = outbox.next().await {
        let length = batch.iter().map(Bytes::len).sum();
        TAP.show_all(|| {
            let lines = Payload::lines(&batch).into_iter();
            lines.map(|line| Frame::new(Point::ToServer, line).of_server(server))
        });
        if let Err(error) = write_batch(&mut stdin, batch.into()).await {
            tracing::debug!(%error, "the server does not read its input");
            return;
        }
        volume.written(length);
    }
}

/// Writes all pieces, several in each system call if the pipe supports that.
async fn write_batch(stdin: &mut Input, mut batch: VecDeque<Bytes>) -> io::Result<()> {
    const SLICES: usize = 16;
    while !batch.is_empty() {
        let mut slices = [IoSlice::new(&[]); SLICES];
        for (slice, bytes) in slices.iter_mut().zip(&batch) {
            *slice = IoSlice::new(bytes);
        }
        let count = batch.len().min(SLICES);
        let mut written = stdin.write_vectored(&slices[..count]).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        while let Some(first) = batch.front_mut() {
            if written < first.len() {
                first.advance(written);
                break;
            }
            written -= first.len();
            batch.pop_front();
        }
    }
    Ok(())
}

/// The child's input; on Unix as a plain pipe, which supports vectored writes.
#[cfg(unix)]
type Input = tokio::net::unix::pipe::Sender;
#[cfg(not(unix))]
type Input = ChildStdin;

#[cfg(unix)]
fn input(stdin: ChildStdin) -> io::Result<Input> {
    Input::from_owned_fd(stdin.into_owned_fd()?)
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it is fallible on Unix")]
fn input(stdin: ChildStdin) -> io::Result<Input> {
    Ok(stdin)
}

/// Reads the child's output until it ends; returns why. The listener may pause it, but not while
/// the child is ending.
async fn read_all(
    mut lines: Lines<ChildStdout>,
    listener: Arc<impl Listener>,
    ending: CancellationToken,
) -> String {
    loop {
        match lines.next().await {
            Ok(Some(message)) => {
                listener.receive(&message);
                if let Some(pause) = listener.pause() {
                    ending.run_until_cancelled(pause).await;
                }
            }
            Ok(None) => return "it closed its output".to_owned(),
            Err(reason) => return reason,
        }
    }
}
