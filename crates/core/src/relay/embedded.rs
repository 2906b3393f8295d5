//! Servers that live in the program around the front, one per client.
//!
//! Ids need no change: every server has one client. What a server sends without being asked goes
//! to the stream of the request it belongs to, or to the client's channel for such messages.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::{Backend, Client, Connection, OpenError, Outgoing, Reply, Sink, reply::write};
use crate::{
    host::{Caller, Delivery, Host, ServerId},
    jsonrpc::{IdKey, Kind, Message},
};

/// All servers of one host.
pub(crate) struct Embedded {
    host: Arc<dyn Host>,
    next: AtomicU32,
    servers: Mutex<HashMap<ServerId, Weak<Server>>>,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").finish_non_exhaustive()
    }
}

/// Why a server's message went nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unsent {
    /// The client has gone.
    Closed,
    /// It is no JSON-RPC message.
    Invalid,
    /// It belongs to a request that is not being served.
    NoRequest,
}

impl Embedded {
    pub(crate) fn new(host: Arc<dyn Host>) -> Arc<Self> {
        Arc::new(Self { host, next: AtomicU32::new(1), servers: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ServerId, Weak<Server>>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn server(&self, id: ServerId) -> Option<Arc<Server>> {
        self.lock().get(&id).and_then(Weak::upgrade)
    }

    /// Sends what a server has to say; `related` is the raw id of the request it belongs to.
    pub(crate) fn send(
        &self,
        id: ServerId,
        text: Bytes,
        related: Option<&[u8]>,
        event_id: Option<&str>,
    ) -> Result<(), Unsent> {
        let message = Message::parse(text).map_err(|_| Unsent::Invalid)?;
        self.server(id).ok_or(Unsent::Closed)?.send_down(&message, related, event_id)
    }

    /// Ends the response stream of a request, or the one of unasked messages; both can be resumed.
    pub(crate) fn interrupt(&self, id: ServerId, related: Option<&[u8]>) {
        if let Some(server) = self.server(id) {
            server.interrupt(related);
        }
    }

    /// The server takes these revisions; the first word counts.
    pub(crate) fn takes_versions(&self, id: ServerId, versions: Vec<String>) {
        if let Some(Err(again)) = self.server(id).map(|server| server.versions.set(versions)) {
            tracing::debug!(?again, "a server named its revisions twice");
        }
    }

    /// The server has nothing more to say: its client's session ends.
    pub(crate) fn hang_up(&self, id: ServerId) {
        if let Some(hang_up) = self.server(id).and_then(|server| server.hang_up.clone()) {
            hang_up();
        }
    }
}

/// The hosts's server of one client.
struct Server {
    id: ServerId,
    host: Arc<dyn Host>,
    backend: Weak<Embedded>,
    unsolicited: Option<Arc<dyn Sink>>,
    hang_up: Option<Arc<dyn Fn() + Send + Sync>>,
    /// The revisions that it takes, once it has said so.
    versions: OnceLock<Vec<String>>,
    open: Mutex<HashMap<IdKey, Reply>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Backend for Arc<Embedded> {
    fn open(&self, client: Client) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let Client { unsolicited, caller, session, hang_up, .. } = client;
        let server = Arc::new(Server {
            id,
            host: Arc::clone(&self.host),
            backend: Self::downgrade(self),
            unsolicited,
            hang_up,
            versions: OnceLock::new(),
            open: Mutex::default(),
        });
        self.lock().insert(id, Arc::downgrade(&server));
        Box::pin(async move {
            let Some(caller) = caller else { return Err(OpenError::without_caller()) };
            // Dropped early, the connection is closed: the client did not wait.
            let guard = CloseOnDrop(Some(server));
            self.host.create(id, session.as_deref(), &caller).await.map_err(OpenError::Refused)?;
            let connection: Arc<dyn Connection> =
                guard.keep().ok_or_else(OpenError::without_caller)?;
            Ok(connection)
        })
    }
}

struct CloseOnDrop(Option<Arc<Server>>);

impl CloseOnDrop {
    fn keep(mut self) -> Option<Arc<Server>> {
        self.0.take()
    }
}

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        if let Some(server) = self.0.take() {
            server.close();
        }
    }
}

impl Server {
    fn open(&self) -> MutexGuard<'_, HashMap<IdKey, Reply>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send_down(
        &self,
        message: &Message,
        related: Option<&[u8]>,
        event_id: Option<&str>,
    ) -> Result<(), Unsent> {
        if matches!(message.kind(), Kind::Result | Kind::Error) {
            let key = message.id().map(IdKey::of).ok_or(Unsent::Invalid)?;
            let reply = self.open().remove(&key).ok_or(Unsent::NoRequest)?;
            reply.stored_response(message, event_id);
            return Ok(());
        }
        let Some(related) = related else {
            if let Some(sink) = &self.unsolicited {
                let outgoing = Outgoing { source: message.bytes(), edits: &[], response: false };
                write(&**sink, outgoing, event_id);
            }
            return Ok(());
        };
        let open = self.open();
        open.get(&IdKey::of(related)).ok_or(Unsent::NoRequest)?.related(message, event_id);
        Ok(())
    }

    fn interrupt(&self, related: Option<&[u8]>) {
        match related {
            None => {
                if let Some(sink) = &self.unsolicited {
                    sink.interrupt();
                }
            }
            Some(related) => {
                if let Some(reply) = self.open().get(&IdKey::of(related)) {
                    reply.interrupt();
                }
            }
        }
    }
}

impl Connection for Server {
    fn send(
        &self,
        message: Message,
        reply: Option<Reply>,
        caller: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        let caller = caller?;
        if let (Some(reply), Some(id)) = (reply, message.id()) {
            // A repeated id takes the place of the first, which gets an error.
            let displaced = self.open().insert(IdKey::of(id), reply);
            drop(displaced);
        }
        self.host.deliver(Delivery { server: self.id, text: message.bytes(), caller })
    }

    fn server(&self) -> Option<ServerId> {
        Some(self.id)
    }

    fn versions(&self) -> Option<&[String]> {
        self.versions.get().map(Vec::as_slice)
    }

    fn close(&self) {
        let open: Vec<Reply> = self.open().drain().map(|(_, reply)| reply).collect();
        for reply in open {
            reply.forget();
        }
        let Some(backend) = self.backend.upgrade() else { return };
        let known = backend.lock().remove(&self.id).is_some();
        if known {
            self.host.close(self.id);
        }
    }
}
