//! Everything that other replicas need to continue a session: kept up to date while it lives here.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, Weak},
};

use bytes::Bytes;
use uuid::Uuid;

use super::{
    event_store::{EventStore, Journal},
    numbering::FIRST,
};
use crate::{
    cluster::{Founding, Logged, RemoteSession, Store},
    jsonrpc::{Kind, Message},
    protocol::Method,
    relay::{Connection, Continuation},
    runtime::lock::{Mutex, MutexGuard},
};

/// Longest subscription request that is remembered.
const MAX_REMEMBERED: usize = 16 * 1024;

/// See the module.
pub(crate) struct Ledger {
    store: Arc<Store>,
    id: Uuid,
    epoch: u64,
    founding: Mutex<Founding>,
    /// Running calls: their raw ids, by stream.
    open: Mutex<HashMap<u64, Vec<Bytes>>>,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Ledger {
    pub(crate) fn new(store: Arc<Store>, id: Uuid, epoch: u64, founding: Founding) -> Self {
        Self { store, id, epoch, founding: Mutex::new(founding), open: Mutex::default() }
    }

    /// The session is registered here; `end` ends it if another replica has taken it.
    pub(super) fn hold(&self, end: Arc<dyn Fn() + Send + Sync>) {
        let founding = self.founding.lock().unwrap_or_else(PoisonError::into_inner);
        self.store.hold(self.id, self.epoch, &founding, end);
    }

    /// The session has ended.
    pub(super) fn release(&self) {
        self.store.release(self.id);
    }

    /// The client may set something with this message.
    pub(crate) fn note(&self, message: &Message) {
        let method = message.method();
        let kind = message.kind();
        if kind == Kind::Notification && method == "notifications/initialized" {
            // So it has the answer to its `initialize`.
            self.store.log(self.id, Logged::Delivered { stream: FIRST });
            return self.change(|founding| founding.initialized = true);
        }
        if kind != Kind::Request {
            return;
        }
        let text = || String::from_utf8_lossy(message.bytes()).into_owned();
        match Method::of(&method) {
            Method::SetLevel => self.change(|founding| founding.level = Some(text())),
            Method::Subscribe if message.bytes().len() <= MAX_REMEMBERED => {
                if let Some(uri) = message.uri() {
                    self.change(|founding| founding.subscribe(uri, text()));
                }
            }
            Method::Unsubscribe => {
                if let Some(uri) = message.uri() {
                    self.change(|founding| drop(founding.subscriptions.remove(&uri)));
                }
            }
            _ => {}
        }
    }

    /// The client uses this connection, which may have reopened sessions with remote servers.
    pub(crate) fn follow(&self, connection: &dyn Connection) {
        let (one, several) = {
            let founding = self.founding.lock().unwrap_or_else(PoisonError::into_inner);
            let number = |remote: Option<&RemoteSession>| remote.map_or(0, |remote| remote.number);
            let one = connection.continuation(number(founding.remote.as_ref()));
            (one, connection.continuations(&|server| number(founding.remotes.get(server))))
        };
        if one.is_none() && several.is_empty() {
            return;
        }
        let kept = |Continuation { number, id, version }| RemoteSession { number, id, version };
        self.change(|founding| {
            if let Some(one) = one {
                founding.remote = Some(kept(one));
            }
            let several = several.into_iter().map(|(server, one)| (server, kept(one)));
            founding.remotes.extend(several);
        });
    }

    fn change(&self, apply: impl FnOnce(&mut Founding)) {
        let mut founding = self.founding.lock().unwrap_or_else(PoisonError::into_inner);
        apply(&mut founding);
        self.store.update(self.id, &founding);
    }

    /// Calls begin that are answered on this stream.
    pub(crate) fn begin(&self, stream: u64, ids: Vec<Bytes>) {
        self.open().insert(stream, ids.clone());
        self.store.log(self.id, Logged::Calls { stream, ids });
    }

    /// All of them are answered.
    pub(super) fn answered(&self, stream: u64) {
        if self.open().remove(&stream).is_none() {
            return;
        }
        self.store.log(self.id, Logged::Answered { stream });
    }

    /// The running calls, which are reported to nobody any more.
    pub(super) fn take_open(&self) -> HashMap<u64, Vec<Bytes>> {
        std::mem::take(&mut *self.open())
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Vec<Bytes>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// If calls wait for the store: resolves when it has everything that was recorded so far.
    pub(crate) async fn settled(&self) {
        if let Some(settled) = self.store.settled() {
            settled.await;
        }
    }

    /// Resolves when other replicas can know everything that was recorded so far, if the store
    /// answers.
    pub(crate) async fn recorded(&self) {
        if let Some(recorded) = self.store.recorded() {
            recorded.await;
        }
    }

    /// Tells the store when there are new ones of these events.
    pub(super) fn journal(&self, events: Weak<Mutex<EventStore>>) -> Journal {
        let (store, id) = (Arc::clone(&self.store), self.id);
        Journal(Box::new(move || events.upgrade().is_some_and(|events| store.has_sent(id, events))))
    }
}
