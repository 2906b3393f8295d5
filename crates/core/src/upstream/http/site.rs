//! State that all clients of a remote server share.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{endpoint::Endpoint, fault::Fault, session::Session};
use crate::{
    config::{PingConfig, RemoteConfig, RemoteTransport},
    error::Error,
    protocol::cancelled,
    relay::Limits,
};

/// Time limit for ending a session.
const FAREWELL: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) endpoint: Endpoint,
    pub(super) limits: Limits,
    /// Interval of pings in idle sessions.
    pub(super) ping: Option<PingConfig>,
    /// Time limit for a handshake or an acknowledgement.
    pub(super) patience: Duration,
    /// How long a call waits for an unreachable server.
    pub(super) wait: Duration,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
    transport: RemoteTransport,
    outcome: Mutex<Outcome>,
    /// Notified when the server answers as if it spoke another era than the known one.
    doubtful: AtomicBool,
}

/// What a server gets of a disconnected client before its session ends.
#[derive(Debug, Default)]
pub(super) struct Farewell {
    /// The raw ids of the running calls, which are cancelled.
    pub(super) open: Vec<Vec<u8>>,
    /// Messages.
    pub(super) last: Vec<Bytes>,
}

impl Farewell {
    fn is_empty(&self) -> bool {
        self.open.is_empty() && self.last.is_empty()
    }
}

/// What is known about the server.
#[derive(Debug, Default)]
struct Outcome {
    found: Option<RemoteTransport>,
    /// Why the last handshake failed.
    failure: Option<String>,
}

impl Site {
    /// Nothing is sent to it yet.
    pub(super) fn new(config: &RemoteConfig) -> Result<Self, Error> {
        Ok(Self {
            endpoint: Endpoint::new(config)?,
            limits: Limits { silence: config.request_timeout, total: config.max_request_time },
            ping: config.ping,
            patience: config.connection_timeout,
            wait: config.wait,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            transport: config.transport,
            outcome: Mutex::default(),
            doubtful: AtomicBool::new(false),
        })
    }

    /// Why the last handshake failed, if it did.
    pub(super) fn failure(&self) -> Option<String> {
        self.outcome().failure.clone()
    }

    fn outcome(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the last handshake succeeded.
    pub(super) fn has_shaken_hands(&self) -> bool {
        self.outcome().found.is_some()
    }

    /// Runs a task until this site is closed.
    pub(super) fn spawn(
        &self,
        until: CancellationToken,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let task = async move {
            tokio::select! {
                () = until.cancelled() => {}
                () = task => {}
            }
        };
        self.tasks.spawn(task.boxed());
    }

    /// The transports to try, in order.
    pub(super) fn transports(&self) -> &'static [RemoteTransport] {
        match (self.transport, self.outcome().found) {
            (RemoteTransport::Stream, _) => &[RemoteTransport::Stream],
            (RemoteTransport::Sse, _) => &[RemoteTransport::Sse],
            (RemoteTransport::Auto, Some(RemoteTransport::Sse)) => {
                &[RemoteTransport::Sse, RemoteTransport::Stream]
            }
            (RemoteTransport::Auto, _) => &[RemoteTransport::Stream, RemoteTransport::Sse],
        }
    }

    /// The server has answered as if it spoke another era than the known one.
    pub(super) fn doubt(&self) {
        self.doubtful.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_doubtful(&self) -> bool {
        self.doubtful.load(Ordering::Relaxed)
    }

    /// The server's era is known again.
    pub(super) fn settled(&self) {
        self.doubtful.store(false, Ordering::Relaxed);
        self.outcome().failure = None;
    }

    /// A handshake has succeeded over this transport.
    pub(super) fn found(&self, transport: RemoteTransport) {
        self.doubtful.store(false, Ordering::Relaxed);
        *self.outcome() = Outcome { found: Some(transport), failure: None };
    }

    /// A handshake has failed.
    pub(super) fn not_found(&self, failure: String) {
        *self.outcome() = Outcome { found: None, failure: Some(failure) };
    }

    /// The server did not introduce itself.
    pub(super) fn not_reached(&self, failure: String) {
        self.outcome().failure = Some(failure);
    }

    /// Ends the session of a disconnected client, and its running calls.
    pub(super) fn leave(self: &Arc<Self>, session: Arc<Session>, farewell: Farewell) {
        session.ended().cancel();
        if session.id().is_none() && farewell.is_empty() {
            return;
        }
        let site = Arc::clone(self);
        let leaving = async move {
            match timeout(FAREWELL, site.part(&session, farewell)).await {
                Ok(Ok(())) => {}
                Ok(Err(fault)) => {
                    tracing::debug!("the session was not ended: {}", fault.sentence());
                }
                Err(_) => tracing::debug!("the server did not answer the end of the session"),
            }
        };
        self.tasks.spawn(leaving.boxed());
    }

    async fn part(&self, session: &Session, farewell: Farewell) -> Result<(), Fault> {
        for message in farewell.last {
            // What it answers matters to nobody; its session ends anyway.
            if let Err(fault) = self.endpoint.post(session, message).await {
                tracing::debug!("a last message was not taken: {}", fault.sentence());
            }
        }
        for id in farewell.open {
            let text = cancelled(String::from_utf8_lossy(&id), "Connection closed");
            self.endpoint.post(session, text.into()).await?;
        }
        if session.id().is_none() {
            return Ok(());
        }
        self.endpoint.delete(session).await
    }
}
