//! A remote server, served on standard input and output.

use std::{future::pending, sync::Arc, time::Duration};

use serde_json::Value;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, DuplexStream,
    duplex, split,
};

use crate::{
    config::{RemoteConfig, Rules},
    downstream::stdio::{self, Ended},
    error::Error,
    proxy::standard_streams::standard_streams,
    relay::{Memory, guarded},
    upstream::Remote,
};

/// Time limit for ending the session with the server.
const FAREWELL: Duration = Duration::from_secs(1);

/// One client on a pair of streams, and its server.
#[derive(Debug)]
pub struct StdioServer {
    remote: Remote,
    max_line_size: usize,
    rules: Rules,
}

/// Why a [`StdioServer`] failed while its client was connected.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Interrupted(pub(super) String);

/// Why a server cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// It did not answer, or its answer is not that of an MCP server.
    #[error("{reason}")]
    Unreached {
        /// What happened.
        reason: String,
        /// The status of an HTTP answer.
        status: Option<u16>,
    },
    /// It refuses the proxy's credentials.
    #[error("{0}")]
    Refused(String),
}

impl StdioServer {
    /// Makes a handshake with the server as a client of the proxy's own, and disconnects.
    pub async fn greet(config: &RemoteConfig) -> Result<(), Unusable> {
        let unreached = |reason, status| Unusable::Unreached { reason, status };
        let config = RemoteConfig { wait: Duration::ZERO, ..config.clone() };
        let server = Self::new(&config).map_err(|error| unreached(error.to_string(), None))?;
        let (near, far) = duplex(64 * 1024);
        let (ended, answer) = tokio::join!(server.run(split(far), pending()), shake_hands(near));
        let refusal = &answer["error"];
        match ended {
            Err(Interrupted(reason)) => {
                let status = refusal["data"]["status"].as_u64();
                Err(unreached(reason, status.and_then(|status| status.try_into().ok())))
            }
            Ok(()) if refusal.is_object() => {
                let message = refusal["message"].as_str().unwrap_or_default();
                Err(Unusable::Refused(message.to_owned()))
            }
            Ok(()) => Ok(()),
        }
    }

    /// Nothing is sent to the server before the client sends something.
    pub fn new(config: &RemoteConfig) -> Result<Self, Error> {
        let (remote, max_line_size) = (Remote::new(config)?, config.max_message_size);
        Ok(Self { remote, max_line_size, rules: Rules::default() })
    }

    /// Serves only what these rules allow.
    #[must_use]
    pub fn with_rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// Serves the client on this process's standard input and output, as [`Self::run`] does.
    /// Sockets become non-blocking, also for other processes that share them; so do pipes, except
    /// on Linux.
    pub async fn run_on_standard_streams(
        self,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Interrupted> {
        self.run(standard_streams(), stop).await
    }

    /// Serves the client until its input ends, its output is closed, or `stop` resolves. Fails if
    /// the server could not be reached, or the client cannot be served any longer.
    pub async fn run(
        self,
        streams: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
        stop: impl Future<Output = ()>,
    ) -> Result<(), Interrupted> {
        let Self { remote, max_line_size, rules } = self;
        let backend = guarded(Arc::new(remote.clone()), &rules);
        let ended = stdio::serve(backend, max_line_size, streams, stop).await;
        let failure = remote.failure();
        remote.stop(FAREWELL).await;
        match (ended, failure) {
            (Ended::Failed(reason), _) => Err(Interrupted(reason)),
            (Ended::Cleanly, Some(failure)) => Err(Interrupted(failure)),
            (Ended::Cleanly, None) => Ok(()),
        }
    }
}

/// Makes the handshake; returns the answer, or null if there is none, which is explained elsewhere.
async fn shake_hands(stream: DuplexStream) -> Value {
    let Some(greeting) = Memory::default().greeting() else { return Value::Null };
    let (input, mut output) = split(stream);
    let line = [greeting.bytes(), &b"\n"[..]].concat();
    if output.write_all(&line).await.is_err() {
        return Value::Null;
    }
    let mut lines = BufReader::new(input).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let message = serde_json::from_str(&line).unwrap_or(Value::Null);
        // Notifications may come before the answer.
        if message["method"].is_null() {
            return message;
        }
    }
    Value::Null
}
