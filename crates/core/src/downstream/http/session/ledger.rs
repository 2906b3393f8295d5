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
    cluster::{Founding, Logged, RemoteSession, Store, Underway},
    jsonrpc::{Kind, Message},
    protocol::Method,
    relay::{Connection, Continuation},
    runtime::lock::{Mutex, MutexGuard},
};

/// Longest subscription request that is remembered.
const MAX_REMEMBERED: usize = 16 * 1024;
/// Most answered calls that wait to be written. Further ones are not written while the store is away:
/// then the answer among the events says that a call is over.
const MAX_ANSWERED: usize = 4096;

/// See the module.
pub(crate) struct Ledger {
    store: Arc<Store>,
    id: Uuid,
    epoch: u64,
    founding: Mutex<Founding>,
    calls: Arc<Mutex<Calls>>,
}

/// The calls of a session that are under way, and what the store knows of them. A call that is over
/// before the next write never gets there.
#[derive(Debug, Default)]
struct Calls {
    /// By stream.
    running: HashMap<u64, Running>,
    /// Streams whose calls are answered, while the store may know them as running.
    answered: Vec<u64>,
    /// How many of those were read last.
    read: usize,
    /// Whether the store knows that there are changes.
    is_told: bool,
}

#[derive(Debug)]
struct Running {
    /// As they are written in the requests.
    ids: Vec<Bytes>,
    known: Known,
}

/// Whether the store knows a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    No,
    /// It was read to be written.
    Perhaps,
    Yes,
}

impl Underway for Mutex<Calls> {
    fn read(&self) -> Vec<Logged> {
        let mut calls = self.lock().unwrap_or_else(PoisonError::into_inner);
        calls.is_told = false;
        calls.read = calls.answered.len();
        let mut changed: Vec<Logged> =
            calls.answered.iter().map(|stream| Logged::Answered { stream: *stream }).collect();
        for (stream, call) in &mut calls.running {
            if call.known != Known::Yes {
                call.known = Known::Perhaps;
                changed.push(Logged::Calls { stream: *stream, ids: call.ids.clone() });
            }
        }
        changed
    }

    fn written(&self) {
        let mut calls = self.lock().unwrap_or_else(PoisonError::into_inner);
        let read = std::mem::take(&mut calls.read);
        calls.answered.drain(..read);
        for call in calls.running.values_mut() {
            if call.known == Known::Perhaps {
                call.known = Known::Yes;
            }
        }
    }
}

impl Calls {
    /// Calls begin that are answered on this stream.
    fn begin(&mut self, stream: u64, ids: Vec<Bytes>) {
        self.running.insert(stream, Running { ids, known: Known::No });
    }

    /// All of them are answered; whether the store has to know that.
    fn answer(&mut self, stream: u64) -> bool {
        let is_known = self.running.remove(&stream).is_some_and(|call| call.known != Known::No);
        let is_change = is_known && self.answered.len() < MAX_ANSWERED;
        if is_change {
            self.answered.push(stream);
        }
        is_change
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Ledger {
    pub(crate) fn new(store: Arc<Store>, id: Uuid, epoch: u64, founding: Founding) -> Self {
        Self { store, id, epoch, founding: Mutex::new(founding), calls: Arc::default() }
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
        let mut calls = self.calls();
        calls.begin(stream, ids);
        self.tell(&mut calls);
    }

    /// All of them are answered.
    pub(super) fn answered(&self, stream: u64) {
        let mut calls = self.calls();
        if calls.answer(stream) {
            self.tell(&mut calls);
        }
    }

    /// Tells the store that there are changes, unless it knows. The calls stay locked meanwhile:
    /// whoever finds that it knows may wait for it at once.
    fn tell(&self, calls: &mut Calls) {
        if !calls.is_told {
            calls.is_told = self.store.has_calls(self.id, Arc::clone(&self.calls) as _);
        }
    }

    /// The raw ids of the running calls, by stream; they are reported to nobody any more.
    pub(super) fn take_open(&self) -> HashMap<u64, Vec<Bytes>> {
        let running = std::mem::take(&mut self.calls().running);
        running.into_iter().map(|(stream, call)| (stream, call.ids)).collect()
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(calls: &Mutex<Calls>, stream: u64) {
        calls.lock().unwrap().begin(stream, vec!["7".into()]);
    }

    fn answer(calls: &Mutex<Calls>, stream: u64) -> bool {
        calls.lock().unwrap().answer(stream)
    }

    fn read(calls: &Mutex<Calls>) -> Vec<String> {
        let changes = calls.read().into_iter().map(|change| match change {
            Logged::Calls { stream, ids } => format!("c{stream} {}", ids.len()),
            Logged::Answered { stream } => format!("d{stream}"),
            Logged::Event { .. } | Logged::Delivered { .. } => "?".to_owned(),
        });
        let mut changes: Vec<String> = changes.collect();
        changes.sort_unstable();
        changes
    }

    #[test]
    fn a_call_that_is_over_before_the_next_write_is_not_written() {
        let calls = Mutex::<Calls>::default();
        begin(&calls, 1);
        assert!(!answer(&calls, 1));
        begin(&calls, 2);
        assert_eq!(read(&calls), ["c2 1"]);
        calls.written();
        assert!(read(&calls).is_empty());
        assert!(answer(&calls, 2));
        assert!(!answer(&calls, 2));
        assert_eq!(read(&calls), ["d2"]);
        calls.written();
        assert!(read(&calls).is_empty());
    }

    #[test]
    fn what_happens_during_a_write_is_written_with_the_next_one() {
        let calls = Mutex::<Calls>::default();
        begin(&calls, 1);
        begin(&calls, 2);
        assert_eq!(read(&calls), ["c1 1", "c2 1"]);
        assert!(answer(&calls, 1));
        begin(&calls, 3);
        calls.written();
        assert_eq!(read(&calls), ["c3 1", "d1"]);
        // This write fails.
        assert!(answer(&calls, 2));
        assert!(answer(&calls, 3));
        assert_eq!(read(&calls), ["d1", "d2", "d3"]);
        calls.written();
        assert!(read(&calls).is_empty());
    }

    #[test]
    fn a_store_that_is_away_costs_no_memory_for_calls_that_are_over() {
        let calls = Mutex::<Calls>::default();
        for stream in 0..5000 {
            begin(&calls, stream);
            drop(calls.read());
            answer(&calls, stream);
        }
        let calls = calls.lock().unwrap();
        assert!(calls.running.is_empty());
        assert_eq!(calls.answered.len(), MAX_ANSWERED);
    }
}
