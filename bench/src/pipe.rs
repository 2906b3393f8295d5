//! A contestant on standard input and output, and a client that keeps several calls under way.

use std::{
    collections::HashMap,
    net::SocketAddr,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin, ChildStdout},
    time::timeout,
};

use crate::{
    answer::{self, Verdict},
    contestant::{self, Contestant, Places},
    failure::Failure,
    load::{PATIENCE, Tally},
    request::{self, Template, Tool},
};

const START_LIMIT: Duration = Duration::from_secs(20);
const READ_AT_LEAST: usize = 64 * 1024;
/// Ids have nine digits, and all differ.
const FIRST_ID: u64 = 100_000_000;
const INITIALIZE_ID: u64 = 1;

/// A contestant between this process and a remote server, in a process group of its own.
#[derive(Debug)]
pub(crate) struct Pipe {
    process: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    input: BytesMut,
    template: Template,
    last_id: u64,
}

impl Pipe {
    /// Starts a contestant and initializes the server through it.
    pub(crate) async fn open(
        contestant: Contestant,
        places: &Places,
        remote: SocketAddr,
        quiet: bool,
    ) -> Result<Self, Failure> {
        let mut command = contestant::towards_remote(contestant, places, remote)?
            .ok_or(Failure::NotServed("not served"))?;
        if quiet {
            command.stderr(Stdio::null());
        }
        let mut pipe = Self::spawn(command)?;
        timeout(START_LIMIT, pipe.initialize()).await??;
        Ok(pipe)
    }

    fn spawn(mut command: Command) -> Result<Self, Failure> {
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = tokio::process::Command::from(command).spawn()?;
        let pipes = process.stdin.take().zip(process.stdout.take());
        let (stdin, stdout) = pipes.ok_or_else(|| std::io::Error::other("no pipes"))?;
        Ok(Self {
            process,
            stdin,
            stdout,
            input: BytesMut::new(),
            template: Template::line(&Tool::Echo(32)),
            last_id: FIRST_ID,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id().unwrap_or_default()
    }

    async fn initialize(&mut self) -> Result<(), Failure> {
        let request = format!("{}\n", request::initialize(INITIALIZE_ID));
        self.stdin.write_all(request.as_bytes()).await?;
        while answer::id(&self.line().await?)? != Some(INITIALIZE_ID) {}
        let notification = format!("{}\n", request::INITIALIZED);
        Ok(self.stdin.write_all(notification.as_bytes()).await?)
    }

    /// Keeps this many calls under way for this long; every answer is checked.
    pub(crate) async fn run(&mut self, calls: usize, span: Duration) -> Result<Tally, Failure> {
        timeout(span + PATIENCE, self.calls(calls, span)).await?
    }

    async fn calls(&mut self, calls: usize, span: Duration) -> Result<Tally, Failure> {
        let started = Instant::now();
        let mut latencies = Vec::with_capacity(1 << 14);
        let (mut under_way, mut outgoing) = (HashMap::new(), Vec::new());
        for _ in 0..calls {
            self.call(&mut under_way, &mut outgoing);
        }
        while !under_way.is_empty() {
            self.stdin.write_all(&outgoing).await?;
            outgoing.clear();
            let mut line = Some(self.line().await?);
            while let Some(message) = line {
                let sent = self.answered(&message, &mut under_way)?;
                latencies.extend(sent.map(|sent| sent.elapsed()));
                if sent.is_some() && started.elapsed() < span {
                    self.call(&mut under_way, &mut outgoing);
                }
                line = self.buffered();
            }
        }
        Ok(Tally::new(started.elapsed(), latencies))
    }

    fn call(&mut self, under_way: &mut HashMap<u64, Instant>, outgoing: &mut Vec<u8>) {
        self.last_id += 1;
        self.template.stamp(self.last_id);
        outgoing.extend_from_slice(self.template.bytes());
        under_way.insert(self.last_id, Instant::now());
    }

    /// When the call that this message answers was made; `None` if it is not an answer.
    fn answered(
        &mut self,
        message: &Bytes,
        under_way: &mut HashMap<u64, Instant>,
    ) -> Result<Option<Instant>, Failure> {
        let Some(id) = answer::id(message)? else { return Ok(None) };
        let sent = under_way.remove(&id).ok_or_else(|| Failure::wrong("id", message))?;
        self.template.stamp(id);
        match answer::check(message, id, self.template.answer())? {
            Verdict::Answered => Ok(Some(sent)),
            Verdict::Unrelated | Verdict::Foreign => Err(Failure::wrong("answer", message)),
        }
    }

    /// The next line.
    async fn line(&mut self) -> Result<Bytes, Failure> {
        loop {
            if let Some(line) = self.buffered() {
                return Ok(line);
            }
            self.input.reserve(READ_AT_LEAST);
            if self.stdout.read_buf(&mut self.input).await? == 0 {
                return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    /// The next line of what has been read.
    fn buffered(&mut self) -> Option<Bytes> {
        let length = memchr::memchr(b'\n', &self.input)?;
        Some(self.input.split_to(length + 1).freeze())
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let Some(group) = i32::try_from(self.pid()).ok().and_then(Pid::from_raw) else { return };
        let _already_gone = kill_process_group(group, Signal::KILL);
    }
}
