//! Sessions by id, their streams, and who is using them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;
use uuid::Uuid;

use super::{EventStore, Stream, stream::Resumed};
use crate::{
    codec::event_stream::EventId,
    config::EventStoreConfig,
    jsonrpc::{Frame, Pieces},
    relay::Connection,
};

/// All sessions of one front. Removing a session hands over the duty to close it.
#[derive(Debug)]
pub(crate) struct Registry {
    sessions: Mutex<HashMap<Uuid, Arc<Session>>>,
    limit: usize,
    epoch: Instant,
}

impl Registry {
    /// At most `limit` sessions at a time.
    pub(crate) fn new(limit: usize) -> Self {
        Self { sessions: Mutex::default(), limit, epoch: Instant::now() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new session that nobody can find yet; `None` when there are too many.
    pub(crate) fn create(&self, store: Option<EventStoreConfig>) -> Option<Arc<Session>> {
        (self.lock().len() < self.limit).then(|| Arc::new(Session::new(store, self.epoch)))
    }

    /// Makes the session known under its id.
    pub(crate) fn insert(&self, session: Arc<Session>) {
        self.lock().insert(session.id, session);
    }

    /// The session that a header names, used from now on until the attachment is dropped.
    pub(crate) fn attach(&self, id: &str) -> Option<Attachment> {
        let id = parse_id(id)?;
        let sessions = self.lock();
        sessions.get(&id).map(|session| Attachment::new(Arc::clone(session)))
    }

    pub(crate) fn remove(&self, id: Uuid) -> Option<Arc<Session>> {
        self.lock().remove(&id)
    }

    /// Removes every session that nobody has used for longer than `timeout`.
    pub(crate) fn remove_idle(&self, timeout: Duration) -> Vec<Arc<Session>> {
        let now = self.epoch.elapsed();
        let mut idle = Vec::new();
        self.lock().retain(|_, session| {
            let keep = session.is_attached() || now.saturating_sub(session.last_used()) <= timeout;
            if !keep {
                idle.push(Arc::clone(session));
            }
            keep
        });
        idle
    }

    pub(crate) fn remove_all(&self) -> Vec<Arc<Session>> {
        self.lock().drain().map(|(_, session)| session).collect()
    }
}

/// Session ids are minted in exactly one spelling; any other names no session.
fn parse_id(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok()?;
    (id.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text).then_some(id)
}

/// One client's session.
#[derive(Debug)]
pub(crate) struct Session {
    id: Uuid,
    epoch: Instant,
    attached: AtomicUsize,
    last_used: AtomicU64,
    next_stream: AtomicU64,
    /// The client's revision understands priming events.
    primes: AtomicBool,
    connection: OnceLock<Arc<dyn Connection>>,
    store: Option<Arc<Mutex<EventStore>>>,
    standalone: Arc<Stream>,
    streams: Mutex<HashMap<u64, Arc<Stream>>>,
}

/// Number of the stream that a GET opens.
const STANDALONE: u64 = 0;

impl Session {
    fn new(store: Option<EventStoreConfig>, epoch: Instant) -> Self {
        let store = store.map(|limits| Arc::new(Mutex::new(EventStore::new(limits))));
        let numbering = store.as_ref().map(|store| Numbering::new(STANDALONE, store));
        Self {
            id: Uuid::new_v4(),
            epoch,
            attached: AtomicUsize::new(0),
            last_used: AtomicU64::new(epoch.elapsed().as_millis().try_into().unwrap_or(u64::MAX)),
            next_stream: AtomicU64::new(STANDALONE + 1),
            primes: AtomicBool::new(false),
            connection: OnceLock::new(),
            store,
            standalone: Arc::new(Stream::standalone(numbering)),
            streams: Mutex::default(),
        }
    }

    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    /// The stream of messages that answer nothing.
    pub(crate) fn standalone(&self) -> &Arc<Stream> {
        &self.standalone
    }

    /// Gives the session its use of the upstream, once.
    pub(crate) fn connect(&self, connection: Arc<dyn Connection>, primes: bool) {
        self.primes.store(primes, Ordering::Relaxed);
        if self.connection.set(connection).is_err() {
            tracing::error!("a session was connected twice");
        }
    }

    /// The session's use of the upstream; `None` before [`Self::connect`].
    pub(crate) fn connection(&self) -> Option<&Arc<dyn Connection>> {
        self.connection.get()
    }

    pub(crate) fn primes(&self) -> bool {
        self.primes.load(Ordering::Relaxed)
    }

    pub(crate) fn is_resumable(&self) -> bool {
        self.store.is_some()
    }

    /// A new stream of this session for the answers to one POST.
    pub(crate) fn open_stream(self: &Arc<Self>, stream: Stream) -> Arc<Stream> {
        let number = self.next_stream.fetch_add(1, Ordering::Relaxed);
        let numbering = self.store.as_ref().map(|store| Numbering::new(number, store));
        let numbering = numbering.filter(|_| stream.is_event_stream());
        let stream = Arc::new(stream.in_session(self, numbering));
        self.streams().insert(number, Arc::clone(&stream));
        stream
    }

    /// Lets a reader back into the stream of this event.
    pub(crate) fn resume(&self, last: EventId) -> Result<Arc<Stream>, Resumed> {
        let running = if last.stream == STANDALONE {
            Some(Arc::clone(&self.standalone))
        } else {
            self.streams().get(&last.stream).map(Arc::clone)
        };
        let stream = running.or_else(|| self.finished_stream(last)).ok_or(Resumed::Unknown)?;
        match stream.resume(last) {
            Resumed::Attached => Ok(stream),
            refused => Err(refused),
        }
    }

    /// A stand-in for a stream that has ended: replays and ends.
    fn finished_stream(&self, last: EventId) -> Option<Arc<Stream>> {
        let numbering = Numbering::new(last.stream, self.store.as_ref()?);
        let stream = Stream::standalone(Some(numbering));
        stream.end();
        Some(Arc::new(stream))
    }

    pub(super) fn forget_stream(&self, number: u64) {
        self.streams().remove(&number);
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<u64, Arc<Stream>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends every stream and gives the upstream connection back.
    pub(crate) fn close(&self) {
        let streams: Vec<_> = self.streams().drain().map(|(_, stream)| stream).collect();
        if let Some(connection) = self.connection.get() {
            connection.close();
        }
        for stream in streams {
            stream.end();
        }
        self.standalone.end();
    }

    fn is_attached(&self) -> bool {
        self.attached.load(Ordering::Acquire) > 0
    }

    fn last_used(&self) -> Duration {
        Duration::from_millis(self.last_used.load(Ordering::Acquire))
    }

    fn touch(&self) {
        let now = self.epoch.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
        self.last_used.store(now, Ordering::Release);
    }
}

/// Use of a session: it is not idle while one exists.
#[derive(Debug)]
pub(crate) struct Attachment(Arc<Session>);

impl Attachment {
    pub(crate) fn new(session: Arc<Session>) -> Self {
        session.attached.fetch_add(1, Ordering::AcqRel);
        session.touch();
        Self(session)
    }

    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.0
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.0.touch();
        self.0.attached.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A stream's place in the event store of its session.
#[derive(Clone, Debug)]
pub(crate) struct Numbering {
    pub(super) stream: u64,
    store: Arc<Mutex<EventStore>>,
}

impl Numbering {
    fn new(stream: u64, store: &Arc<Mutex<EventStore>>) -> Self {
        Self { stream, store: Arc::clone(store) }
    }

    pub(super) fn append(&self, build: impl FnOnce(EventId) -> Frame) -> Frame {
        self.lock().append(self.stream, build)
    }

    /// Queues what came after `last`; `false` if that event is not kept.
    pub(super) fn replay(&self, last: EventId, queue: &mut Pieces) -> bool {
        let store = self.lock();
        let Some(missed) = store.after(last) else { return false };
        for frame in missed {
            queue.push_frame(frame);
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, EventStore> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
