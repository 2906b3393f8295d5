//! A remote 2026-07-28 server: one upstream for all clients, since it has no sessions.
//!
//! For the relay it is a shared server like a child process. Messages in its outbox are posted
//! here, each request on its own. A cancellation closes the request's connection, as this transport
//! requires (MCP 2026-07-28, Streamable HTTP, "Cancellation").

mod call;
mod discovery;
mod headers;
mod tools;

pub(super) use discovery::{Found, discover};

use std::{
    collections::HashMap,
    convert::Infallible,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

use super::{session::Session, site::Site};
use crate::{
    jsonrpc::{Code, ErrorBody, IdKey, Kind, Message},
    protocol::Notification,
    relay::{self, InitializeResult, Listener as _, Outbox},
    telemetry::traffic,
};
use tools::Tools;

/// Most requests on the wire, not counting streams of changes.
const MAX_ON_THE_WIRE: usize = 512;
/// Most requests under way, on the wire or waiting.
const MAX_CALLS: usize = 16 * 1024;

/// See the module.
pub(super) struct Carrier {
    remote: Arc<Site>,
    clients: Arc<relay::Shared>,
    /// The headers of every request.
    session: Session,
    tools: Tools,
    wire: Semaphore,
    /// Requests under way; dropping an entry ends the work on it.
    calls: Mutex<HashMap<IdKey, oneshot::Sender<Infallible>>>,
    /// Cancelled when the server changes its era.
    over: CancellationToken,
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Carrier").field("remote", &self.remote).finish_non_exhaustive()
    }
}

impl Carrier {
    /// Carries messages to the server with this introduction, until the proxy stops.
    pub(super) fn start(remote: &Arc<Site>, introduction: InitializeResult) -> Arc<Self> {
        let clients = relay::Shared::new(relay::Ids::Unguessable, remote.limits, remote.wait);
        let outbox = Arc::new(Outbox::default());
        clients.connected(Arc::clone(&outbox), introduction, None);
        let carrier = Arc::new(Self {
            remote: Arc::clone(remote),
            clients,
            session: Session::modern(),
            tools: Tools::default(),
            wire: Semaphore::new(MAX_ON_THE_WIRE),
            calls: Mutex::default(),
            over: remote.stop.child_token(),
        });
        carrier.spawn(Arc::clone(&carrier).carry(outbox));
        carrier.spawn(Arc::clone(&carrier.clients).expire_calls());
        remote.spawn(carrier.over.clone(), Arc::clone(&carrier.clients).tend());
        carrier
    }

    /// What its clients connect to.
    pub(super) fn backend(&self) -> &Arc<relay::Shared> {
        &self.clients
    }

    /// The server has changed its era: what was sent is still answered, nothing new is sent.
    pub(super) fn retire(&self) {
        self.over.cancel();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IdKey, oneshot::Sender<Infallible>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.remote.spawn(self.remote.stop.clone(), task);
    }

    /// Sends the relay's queued messages in their order.
    async fn carry(self: Arc<Self>, outbox: Arc<Outbox>) {
        while let Some(batch) = outbox.next().await {
            // Messages are queued whole, so a batch ends at the end of a message.
            let text = Bytes::from(batch.concat());
            for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                match Message::parse(text.slice_ref(line)) {
                    Ok(message) => self.send(message),
                    Err(invalid) => tracing::error!("a message cannot be sent: {invalid}"),
                }
            }
        }
    }

    fn send(self: &Arc<Self>, message: Message) {
        match message.kind() {
            Kind::Request => self.begin(message),
            Kind::Notification if is_cancellation(&message) => {
                let named = message.cancelled_id().map(|span| IdKey::of(message.text(span)));
                drop(named.and_then(|id| self.lock().remove(&id)));
            }
            Kind::Notification => {
                let carrier = Arc::clone(self);
                self.spawn(async move { carrier.tell(&message).await });
            }
            Kind::Result | Kind::Error => {
                tracing::debug!("servers of this revision ask no questions");
            }
        }
    }

    fn begin(self: &Arc<Self>, request: Message) {
        let Some(id) = request.id() else { return };
        let (over, ended) = oneshot::channel();
        let mut calls = self.lock();
        if calls.len() >= MAX_CALLS {
            drop(calls);
            let text = format!("too many calls are under way ({MAX_CALLS})");
            return self.refuse(id, &ErrorBody::new(Code::Unavailable, text));
        }
        let key = IdKey::of(id);
        calls.insert(key.clone(), over);
        drop(calls);
        let carrier = Arc::clone(self);
        self.spawn(async move {
            tokio::select! {
                biased;
                () = carrier.call(&request) => {}
                // Its client does not wait any more. Dropping the exchange closes its connection.
                _ = ended => {}
            }
            carrier.lock().remove(&key);
        });
    }

    /// Answers a request on the server's behalf.
    fn refuse(&self, id: &[u8], error: &ErrorBody) {
        if let Ok(response) = Message::parse(error.response(id)) {
            self.clients.receive(&response);
        }
    }

    async fn tell(&self, notification: &Message) {
        traffic!("->", notification.bytes());
        let headers = self.headers(notification);
        let text = notification.bytes().clone();
        match self.remote.endpoint.post_with(&self.session, text, headers).await {
            Ok(_) => {}
            Err(fault) => tracing::warn!("a message was not taken: {}", fault.sentence()),
        }
    }
}

fn is_cancellation(message: &Message) -> bool {
    Notification::of(&message.method()) == Notification::Cancelled
}
