//! A remote server as a backend: each client has a session of its own with it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{channel::Channel, endpoint::Endpoint, session::Session};
use crate::{
    config::{RemoteConfig, RemoteTransport, UpstreamProtocol},
    era::Era,
    error::Error,
    jsonrpc::{Code, ErrorBody},
    relay::{Backend, Client, Connection, Limits, OpenError},
};

/// Time the end of a session may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Remote(Arc<Shared>);

/// What all clients of a remote server have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) endpoint: Endpoint,
    pub(super) limits: Limits,
    /// Time a handshake or an acknowledgement may take.
    pub(super) patience: Duration,
    /// Time a call may wait for a server that cannot be reached.
    pub(super) wait: Duration,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
    transport: RemoteTransport,
    outcome: Mutex<Outcome>,
}

/// What is known of the server.
#[derive(Debug, Default)]
struct Outcome {
    found: Option<RemoteTransport>,
    /// Why the last handshake failed.
    failure: Option<String>,
}

impl Remote {
    /// Nothing is sent before there is a client.
    pub(crate) fn new(config: &RemoteConfig) -> Result<Self, Error> {
        if config.protocol != UpstreamProtocol::Legacy {
            let text =
                "it is spoken to by the handshake revisions only (--upstreamProtocol legacy)";
            return Err(Error::Remote(text.to_owned()));
        }
        Ok(Self(Arc::new(Shared {
            endpoint: Endpoint::new(config)?,
            limits: Limits { silence: config.request_timeout, total: config.max_request_time },
            patience: config.connection_timeout,
            wait: config.wait,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            transport: config.transport,
            outcome: Mutex::default(),
        })))
    }

    /// Why the last handshake with the server failed, if it did.
    pub(crate) fn failure(&self) -> Option<String> {
        self.0.outcome().failure.clone()
    }

    /// Ends every session, within `budget`.
    pub(crate) async fn stop(self, budget: Duration) {
        self.0.stop.cancel();
        self.0.tasks.close();
        if timeout(budget, self.0.tasks.wait()).await.is_err() {
            tracing::warn!("some sessions with the server took too long to end");
        }
    }
}

impl Backend for Remote {
    fn open(&self, client: Client) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>> {
        if client.era == Era::Modern {
            let text = "a remote server is not reachable for clients of revision 2026-07-28";
            let error = ErrorBody::new(Code::Internal, text);
            return Box::pin(std::future::ready(Err(error.into())));
        }
        let channel: Arc<dyn Connection> = Channel::open(&self.0, client.unsolicited);
        Box::pin(std::future::ready(Ok(channel)))
    }
}

impl Shared {
    fn outcome(&self) -> std::sync::MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The transports to try, in this order.
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

    /// A handshake has succeeded over this transport.
    pub(super) fn found(&self, transport: RemoteTransport) {
        *self.outcome() = Outcome { found: Some(transport), failure: None };
    }

    /// A handshake has failed.
    pub(super) fn not_found(&self, failure: String) {
        *self.outcome() = Outcome { found: None, failure: Some(failure) };
    }

    /// Ends a session whose client has gone.
    pub(super) fn leave(self: &Arc<Self>, session: Arc<Session>) {
        session.ended().cancel();
        if session.id().is_none() {
            return;
        }
        let shared = Arc::clone(self);
        self.tasks.spawn(async move {
            match timeout(FAREWELL, shared.endpoint.delete(&session)).await {
                Ok(Ok(())) => {}
                Ok(Err(fault)) => {
                    tracing::debug!("the session was not ended: {}", fault.sentence());
                }
                Err(_) => tracing::debug!("the server did not answer the end of the session"),
            }
        });
    }
}
