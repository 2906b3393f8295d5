//! A process, read byte by byte: its output is seen exactly as it is, and no fault is silently
//! repaired.

use std::time::Duration;

use bytes::BytesMut;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{ChildStdin, ChildStdout},
    time::{Instant, sleep, timeout},
};

use crate::{
    config::{ChildStderr, CommandConfig},
    doctor::{
        budget::Budget,
        checks::output::Output,
        codes::{BAD_EXIT, CRASHED, LEAVES_PROCESSES, STAYS},
        peer::{Peer, Silence},
        report::Stage,
    },
    error::Error,
    upstream::{Guard, Pipes, Process, outcome},
};

/// After a pause of this length, text without a line end counts as a message.
const QUIET: Duration = Duration::from_secs(1);
/// Time that a server has to exit after its input has ended.
const EXIT: Duration = Duration::from_secs(5);
/// Time that is reserved for ending everything, whatever the budget.
const LEAST: Duration = Duration::from_secs(1);
/// Time that processes which a server has started have to end after it.
const FOLLOW: Duration = Duration::from_millis(700);
/// Most output that is read after the end of the input.
const MOST_REST: usize = 4 * 1024 * 1024;

/// See the module.
pub(super) struct Talk {
    process: Process,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    buffer: BytesMut,
    queue: std::collections::VecDeque<Value>,
    output: Output,
    limit: usize,
    group: Option<u32>,
    started: Instant,
    first_byte: Option<Duration>,
    ended: bool,
    shaken: bool,
    early: usize,
    unasked: Option<String>,
    last: u64,
}

/// How a server ended.
#[expect(clippy::struct_excessive_bools, reason = "any of them may be there without the others")]
pub(super) struct End {
    /// As the end of a sentence that begins with "it".
    pub(super) outcome: String,
    /// Its exit code.
    pub(super) code: Option<i32>,
    /// The last lines of its standard error.
    pub(super) words: Vec<String>,
    /// It wrote messages after its input was closed.
    pub(super) answered_late: bool,
    /// How long it had run.
    pub(super) waited: Duration,
    exited_itself: bool,
    was_killed: bool,
    took: Duration,
    leaves: bool,
}

impl Talk {
    /// Starts the command, exactly as it is configured.
    pub(super) fn start(config: &CommandConfig, guard: Option<&Guard>) -> Result<Self, Error> {
        let quiet = CommandConfig { stderr: ChildStderr::Events, ..config.clone() };
        let (process, Pipes { stdin, stdout }) = Process::spawn(&quiet, guard)?;
        Ok(Self {
            group: process.pid(),
            process,
            stdin: Some(stdin),
            stdout,
            buffer: BytesMut::new(),
            queue: std::collections::VecDeque::new(),
            output: Output::default(),
            limit: config.max_line_size,
            started: Instant::now(),
            first_byte: None,
            ended: false,
            shaken: false,
            early: 0,
            unasked: None,
            last: 0,
        })
    }

    /// Time from the start to the first byte of its output.
    pub(super) fn first_byte(&self) -> Option<Duration> {
        self.first_byte
    }

    pub(super) fn output(&self) -> &Output {
        &self.output
    }

    /// Messages before the handshake, where none are allowed.
    pub(super) fn early(&self) -> usize {
        self.early
    }

    /// What it has requested from the client.
    pub(super) fn unasked(&self) -> Option<&str> {
        self.unasked.as_deref()
    }

    /// A hint for a server that writes nothing.
    pub(super) fn hint(&self) -> Option<&'static str> {
        self.process.hint()
    }

    /// Completes the handshake.
    pub(super) async fn initialized(&mut self) {
        self.shaken = true;
        self.write(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    }

    async fn write(&mut self, message: &Value) {
        let Some(stdin) = &mut self.stdin else { return };
        let line = format!("{message}\n");
        // If a server does not read, its silence shows that.
        let written = timeout(Duration::from_secs(5), stdin.write_all(line.as_bytes())).await;
        if !matches!(written, Ok(Ok(()))) {
            tracing::debug!("the server does not read its input");
        }
    }

    async fn exchange(
        &mut self,
        method: &str,
        params: Value,
        limit: Duration,
    ) -> Result<Value, Silence> {
        self.last += 1;
        let id = self.last;
        self.write(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
            .await;
        let end = Instant::now() + limit;
        loop {
            let message = self.next(end).await?;
            match message["method"].as_str() {
                Some(method) => self.asked(method, &message).await,
                None if !self.answers(&message, id) => {}
                None if message["error"].is_object() => {
                    return Err(Silence::Error(message["error"].clone()));
                }
                None => return Ok(message["result"].clone()),
            }
        }
    }

    /// Takes a request or a notification from the server.
    async fn asked(&mut self, method: &str, message: &Value) {
        let is_request = !message["id"].is_null();
        let may_be_early = matches!(method, "ping" | "notifications/message");
        if !self.shaken && !may_be_early {
            self.early += 1;
        }
        if !is_request {
            return;
        }
        let id = &message["id"];
        let answer = if method == "ping" {
            json!({ "jsonrpc": "2.0", "id": id, "result": {} })
        } else {
            self.unasked.get_or_insert(method.to_owned());
            let error = json!({ "code": -32601, "message": "Method not found" });
            json!({ "jsonrpc": "2.0", "id": id, "error": error })
        };
        self.write(&answer).await;
    }

    /// Whether a response answers a request, even if its id has another JSON type.
    fn answers(&mut self, response: &Value, id: u64) -> bool {
        match &response["id"] {
            Value::Number(number) if number.as_u64() == Some(id) => true,
            Value::Null => response["error"].is_object(),
            // `1.0` in place of 1.
            Value::Number(number) if number.to_string() == format!("{id}.0") => {
                self.output.other_id.get_or_insert(format!("{number} for {id}"));
                true
            }
            Value::String(text) if *text == id.to_string() => {
                self.output.other_id.get_or_insert(format!("{text:?} for {id}"));
                true
            }
            _ => false,
        }
    }

    async fn next(&mut self, end: Instant) -> Result<Value, Silence> {
        loop {
            if let Some(message) = self.queue.pop_front() {
                return Ok(message);
            }
            if let Some(at) = memchr::memchr(b'\n', &self.buffer) {
                let line = self.buffer.split_to(at + 1);
                self.queue.extend(self.output.take(&line[..at]));
                continue;
            }
            if self.output.is_framed() || self.buffer.len() > self.limit {
                return Err(Silence::Unreadable);
            }
            if self.ended {
                return Err(Silence::Ended);
            }
            let now = Instant::now();
            if now >= end {
                return Err(Silence::Timeout);
            }
            let patience = if self.buffer.is_empty() { end - now } else { QUIET.min(end - now) };
            match timeout(patience, self.stdout.read_buf(&mut self.buffer)).await {
                Ok(Ok(0) | Err(_)) => self.ended = true,
                Ok(Ok(_)) => {
                    self.first_byte.get_or_insert(self.started.elapsed());
                }
                Err(_) => self.take_unended(),
            }
        }
    }

    /// Takes text that has no line end but is a complete message.
    fn take_unended(&mut self) {
        if serde_json::from_slice::<Value>(&self.buffer).is_ok_and(|value| value.is_object()) {
            let line = self.buffer.split();
            self.output.unended = true;
            self.queue.extend(self.output.take(&line));
        }
    }

    /// Closes its input and waits for its end; then ends whatever is left.
    pub(super) async fn end(&mut self, budget: Budget) -> End {
        let waited = self.started.elapsed();
        let before = self.queue.len();
        drop(self.stdin.take());
        let began = Instant::now();
        let patience = budget.at_most(EXIT).max(LEAST);
        let exited = timeout(patience, async {
            let mut rest = 0;
            while !self.ended && rest < MOST_REST {
                rest += self.read_rest().await;
            }
            self.process.exited().await
        })
        .await;
        let took = began.elapsed();
        let leaves = exited.is_ok() && self.leaves_something().await;
        let status = match exited {
            Ok(status) => status.ok(),
            Err(_) => None,
        };
        let words = self.process.last_words().await;
        self.process.stop(LEAST).await;
        End {
            outcome: outcome(status),
            code: status.and_then(|status| status.code()),
            words,
            answered_late: self.queue.len() > before,
            waited,
            exited_itself: status.is_some(),
            was_killed: status.is_some_and(|status| status.code().is_none()),
            took,
            leaves,
        }
    }

    async fn read_rest(&mut self) -> usize {
        match self.stdout.read_buf(&mut self.buffer).await {
            Ok(0) | Err(_) => {
                self.ended = true;
                0
            }
            Ok(count) => {
                while let Some(at) = memchr::memchr(b'\n', &self.buffer) {
                    let line = self.buffer.split_to(at + 1);
                    self.queue.extend(self.output.take(&line[..at]));
                }
                count
            }
        }
    }

    /// Whether a process of its group still runs after its end.
    async fn leaves_something(&self) -> bool {
        let end = Instant::now() + FOLLOW;
        while Instant::now() < end {
            if !lives(self.group) {
                return false;
            }
            sleep(Duration::from_millis(50)).await;
        }
        lives(self.group)
    }
}

#[cfg(unix)]
fn lives(group: Option<u32>) -> bool {
    let pid = group.and_then(|group| i32::try_from(group).ok());
    let pid = pid.and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process_group(pid).is_ok())
}

#[cfg(not(unix))]
fn lives(_: Option<u32>) -> bool {
    false
}

impl End {
    /// What is wrong with it.
    pub(super) fn tell(&self, stage: &mut Stage) {
        if !self.exited_itself {
            let seconds = self.took.as_secs();
            return stage.find(STAYS, "", format!("it was still running after {seconds} s"));
        }
        stage.says(format!("{} after {} ms", self.outcome, self.took.as_millis()));
        if self.was_killed {
            stage.find(CRASHED, "", format!("it {}", self.outcome));
        } else if self.code.is_some_and(|code| code != 0) {
            stage.find(BAD_EXIT, "", format!("it {}", self.outcome));
        }
        if self.leaves {
            stage.find(LEAVES_PROCESSES, "", "processes of its group are still running");
        }
    }
}

impl Peer for Talk {
    fn ask<'a>(
        &'a mut self,
        method: &'a str,
        params: Value,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Value, Silence>> {
        Box::pin(self.exchange(method, params, limit))
    }
}
