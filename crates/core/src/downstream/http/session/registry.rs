//! Sessions by id, their streams, and the requests that use them.

use std::{
    collections::HashMap,
    iter::Sum,
    sync::{
        Arc, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    ledger::Ledger,
    log::{Entry, EventLog, Events},
    lost::may_have_run,
    name::{Name, id_in},
    numbering::{FIRST, Numbering, STANDALONE},
    reading::Reading,
    stream::{Home, Stream, Unresumed},
};
use crate::{
    cluster::{Logged, Names},
    codec::event_stream::{self, EventId},
    downstream::http::backlog::Backlog,
    identity::{Expiry, Identity},
    jsonrpc::{Frame, Kind, Message},
    relay::{Connection, Departure, Outgoing, Sink as _},
    runtime::lock::{Mutex, MutexGuard},
    runtime::seats::{Seat, Seats},
    watch::SessionTag,
};

/// Most bytes of one session's running requests, unless it is a single one: some are kept until
/// they are answered, with the ids and tokens that assign the answers.
pub(crate) const MAX_CALL_BYTES: usize = 64 * 1024 * 1024;

/// Longest `initialize`: the client's description of itself is kept as long as its session.
pub(crate) const MAX_INITIALIZE: usize = 256 * 1024;

/// All sessions of one front. Whoever removes a session must close it.
#[derive(Debug)]
pub(crate) struct Registry {
    sessions: Mutex<HashMap<Uuid, Known>>,
    backlog: Arc<Backlog>,
    epoch: Instant,
    /// Gives names if there are other replicas.
    names: Option<Arc<Names>>,
}

/// A registered session, and its seat.
#[derive(Debug)]
struct Known {
    session: Arc<Session>,
    _seat: Seat,
    _tag: SessionTag,
}

/// Memory that the sessions use.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Holdings {
    pub(crate) sessions: usize,
    pub(crate) sse_sessions: usize,
    pub(crate) events: usize,
    pub(crate) event_bytes: usize,
    pub(crate) queued_bytes: usize,
}

impl Sum for Holdings {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            sessions: sum.sessions + one.sessions,
            sse_sessions: sum.sse_sessions + one.sse_sessions,
            events: sum.events + one.events,
            event_bytes: sum.event_bytes + one.event_bytes,
            queued_bytes: sum.queued_bytes + one.queued_bytes,
        })
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::counted_in(Arc::default(), None)
    }
}

impl Registry {
    /// An empty registry. `backlog` counts what waits for clients; `names` names the sessions if
    /// there are other replicas.
    pub(crate) fn counted_in(backlog: Arc<Backlog>, names: Option<Arc<Names>>) -> Self {
        Self { sessions: Mutex::default(), backlog, epoch: Instant::now(), names }
    }

    /// Gives names if there are other replicas.
    pub(crate) fn names(&self) -> Option<&Arc<Names>> {
        self.names.as_ref()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Known>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new session that is not registered yet, with at most this many calls at a time.
    pub(crate) fn create(
        &self,
        owner: Identity,
        events: Events,
        max_in_flight: Option<usize>,
    ) -> Arc<Session> {
        self.create_as(Name::new(self.names.as_ref()), owner, events, max_in_flight)
    }

    /// The same with a name that another replica has given.
    pub(crate) fn create_as(
        &self,
        name: Name,
        owner: Identity,
        events: Events,
        max_in_flight: Option<usize>,
    ) -> Arc<Session> {
        let backlog = Arc::clone(&self.backlog);
        Arc::new(Session::new(name, owner, events, max_in_flight, (self.epoch, backlog)))
    }

    /// Registers the session under its id; its seat is freed when it is removed.
    pub(crate) fn insert(self: &Arc<Self>, session: Arc<Session>, seat: Seat) {
        if let Some(ledger) = session.ledger() {
            ledger.hold(self.yielding(&session));
        }
        let tag = SessionTag::opened(session.id(), "streamable_http");
        self.lock().insert(session.id(), Known { session, _seat: seat, _tag: tag });
    }

    /// The memory that the sessions use now.
    pub(crate) fn held(&self) -> Holdings {
        let sessions: Vec<_> =
            self.lock().values().map(|known| Arc::clone(&known.session)).collect();
        let mut held = Holdings { sessions: sessions.len(), ..Holdings::default() };
        for session in sessions {
            session.add_to(&mut held);
        }
        held
    }

    /// The session that a header names; it is in use until the attachment is dropped.
    pub(crate) fn attach(&self, id: &str) -> Option<Attachment> {
        let sessions = self.lock();
        let known = sessions.get(&id_in(id)?)?;
        (known.session.name.as_str() == id).then(|| Attachment::new(Arc::clone(&known.session)))
    }

    /// A function for its server that ends this session, before or after it is registered.
    pub(crate) fn ending(self: &Arc<Self>, session: &Arc<Session>) -> Arc<dyn Fn() + Send + Sync> {
        let (registry, session) = (Arc::downgrade(self), Arc::downgrade(session));
        Arc::new(move || {
            let (Some(registry), Some(session)) = (registry.upgrade(), session.upgrade()) else {
                return;
            };
            registry.remove(session.id());
            session.close();
        })
    }

    /// A function that ends this session because another replica has it.
    fn yielding(self: &Arc<Self>, session: &Arc<Session>) -> Arc<dyn Fn() + Send + Sync> {
        let (registry, session) = (Arc::downgrade(self), Arc::downgrade(session));
        Arc::new(move || {
            if let (Some(registry), Some(session)) = (registry.upgrade(), session.upgrade()) {
                registry.remove(session.id());
                session.give_up();
                session.hand_on();
            }
        })
    }

    pub(crate) fn remove(&self, id: Uuid) -> Option<Arc<Session>> {
        let session = self.lock().remove(&id).map(|known| known.session);
        if let Some(ledger) = session.as_ref().and_then(|session| session.ledger()) {
            ledger.release();
        }
        session
    }

    /// Removes every session that was not used for longer than `timeout`.
    pub(crate) fn remove_idle(&self, timeout: Duration) -> Vec<Arc<Session>> {
        let now = self.epoch.elapsed();
        let mut idle = Vec::new();
        self.lock().retain(|_, Known { session, .. }| {
            let idle_for = now.saturating_sub(session.last_used());
            let keep = session.is_attached() || idle_for <= session.patience(timeout);
            if !keep {
                idle.push(Arc::clone(session));
            }
            keep
        });
        for ledger in idle.iter().filter_map(|session| session.ledger()) {
            ledger.release();
        }
        idle
    }

    /// Ends the streams that answer no call.
    pub(crate) fn end_standalone(&self) {
        let sessions: Vec<_> =
            self.lock().values().map(|known| Arc::clone(&known.session)).collect();
        for session in sessions {
            session.standalone.end();
        }
    }

    /// Whether a call of any session is running.
    pub(crate) fn is_busy(&self) -> bool {
        self.lock().values().any(|known| known.session.calls.taken() > 0)
    }

    /// Removes all of them. What other replicas need to continue them stays in the store.
    pub(crate) fn remove_all(&self) -> Vec<Arc<Session>> {
        self.lock().drain().map(|(_, known)| known.session).collect()
    }
}

/// One client's session.
#[derive(Debug)]
pub(crate) struct Session {
    name: Name,
    owner: Identity,
    /// The expiry of the newest credentials that its owner has presented.
    expiry: Arc<Expiry>,
    epoch: Instant,
    attached: AtomicUsize,
    last_used: AtomicU64,
    next_stream: AtomicU64,
    /// Whether the client's revision understands priming events.
    primes: AtomicBool,
    connection: OnceLock<Arc<dyn Connection>>,
    calls: Arc<Seats>,
    /// `None` if its events are forgotten.
    log: Option<EventLog>,
    backlog: Arc<Backlog>,
    standalone: Arc<Stream>,
    /// `None` once it is closed.
    streams: Mutex<Option<HashMap<u64, Arc<Stream>>>>,
    /// Whether its client may never have learned of it.
    in_doubt: AtomicBool,
    /// What other replicas need to continue it, if there is a store.
    ledger: OnceLock<Arc<Ledger>>,
    /// Answers to another replica's running calls, by stream: raw ids and messages, if the host
    /// stores the events.
    lost: Mutex<Vec<(u64, Bytes, Bytes)>>,
    /// Whether another replica continues it.
    is_elsewhere: AtomicBool,
}

/// How long a session is kept if its client left before it was told of it.
const DOUBT: Duration = Duration::from_mins(1);

/// How many streams another replica may have opened without having recorded them.
const UNKNOWN_STREAMS: u64 = 1_000_000;

/// Answers a call whose replica was lost, on its stream, which other replicas also read.
fn answer_lost(numbering: &Numbering, call: &[u8]) {
    let text = may_have_run(call);
    let build = |id: EventId| {
        let (before, behind) = (id.message(), event_stream::END);
        Frame::Whole([before.as_bytes(), &text, behind].concat().into())
    };
    numbering.append(build, |_| {});
}

/// Whether an event contains the answer to the call with this raw id.
fn answers(event: &[u8], call: &[u8]) -> bool {
    let text = String::from_utf8_lossy(event);
    let data = text.lines().find_map(|line| line.strip_prefix("data: "));
    let message = data.and_then(|data| Message::parse(Bytes::from(data.to_owned())).ok());
    message.is_some_and(|message| is_answer(&message, call))
}

fn is_answer(message: &Message, call: &[u8]) -> bool {
    matches!(message.kind(), Kind::Result | Kind::Error) && message.id() == Some(call)
}

impl Session {
    fn new(
        name: Name,
        owner: Identity,
        events: Events,
        max_in_flight: Option<usize>,
        (epoch, backlog): (Instant, Arc<Backlog>),
    ) -> Self {
        let log = EventLog::of(events);
        let numbering = log.as_ref().and_then(|log| log.numbering(STANDALONE));
        let id = name.id();
        let standalone = Stream::standalone(numbering).owned_by(id).counted_in(&backlog);
        Self {
            name,
            expiry: Arc::new(Expiry::of(&owner)),
            owner,
            epoch,
            attached: AtomicUsize::new(0),
            last_used: AtomicU64::new(epoch.elapsed().as_millis().try_into().unwrap_or(u64::MAX)),
            next_stream: AtomicU64::new(FIRST),
            primes: AtomicBool::new(false),
            connection: OnceLock::new(),
            calls: Seats::bearing(max_in_flight, MAX_CALL_BYTES),
            log,
            standalone: Arc::new(standalone),
            backlog,
            streams: Mutex::new(Some(HashMap::new())),
            in_doubt: AtomicBool::new(false),
            ledger: OnceLock::new(),
            lost: Mutex::default(),
            is_elsewhere: AtomicBool::new(false),
        }
    }

    /// Sets the ledger that other replicas need to continue it.
    pub(crate) fn keep(&self, ledger: Arc<Ledger>) {
        if let Some(log) = &self.log {
            log.tell(|events| ledger.journal(events));
        }
        self.ledger.get_or_init(|| ledger);
    }

    pub(crate) fn ledger(&self) -> Option<&Arc<Ledger>> {
        self.ledger.get()
    }

    /// Takes what another replica has sent, and answers its running calls.
    pub(crate) fn restore(&self, logged: Vec<Logged>) {
        let mut events = Vec::new();
        let mut calls = Vec::new();
        for logged in logged {
            match logged {
                Logged::Event { id, frame } => events.push((id, frame)),
                Logged::Calls { stream, ids } => calls.push((stream, ids)),
                Logged::Answered { .. } | Logged::Delivered { .. } => {}
            }
        }
        let streams = events.iter().map(|(id, _)| id.stream);
        let last = streams.chain(calls.iter().map(|(stream, _)| *stream)).max();
        self.next_stream.store(last.unwrap_or(STANDALONE) + UNKNOWN_STREAMS, Ordering::Relaxed);
        let is_answered = |stream: u64, call: &[u8]| {
            let mut own = events.iter().filter(|(id, _)| id.stream == stream);
            own.any(|(_, frame)| answers(&frame.runs().concat(), call))
        };
        let open = calls
            .into_iter()
            .flat_map(|(stream, ids)| ids.into_iter().map(move |id| (stream, id)))
            .filter(|(stream, id)| !is_answered(*stream, id));
        let open: Vec<(u64, Bytes)> = open.collect();
        let Some((log, mut memory)) = self.log.as_ref().and_then(|log| Some((log, log.memory()?)))
        else {
            let answers = open.into_iter().map(|(stream, id)| {
                let text = may_have_run(&id);
                (stream, id, text)
            });
            self.lost.lock().unwrap_or_else(PoisonError::into_inner).extend(answers);
            return;
        };
        memory.restore(events.into_iter());
        drop(memory);
        for (stream, call) in open {
            if let Some(numbering) = log.numbering(stream) {
                answer_lost(&numbering, &call);
            }
        }
    }

    pub(crate) fn id(&self) -> Uuid {
        self.name.id()
    }

    /// Its name, as its client knows it.
    pub(crate) fn name(&self) -> &Name {
        &self.name
    }

    /// The identity that opened it; only that one may use it.
    pub(crate) fn owner(&self) -> &Identity {
        &self.owner
    }

    /// Whether this is its owner; if so, notes the expiry of these credentials.
    pub(crate) fn is_shown(&self, identity: &Identity) -> bool {
        let own = self.owner == *identity;
        if own {
            self.expiry.extend(identity);
        }
        own
    }

    /// When its standing streams end.
    pub(crate) fn expiry(&self) -> &Arc<Expiry> {
        &self.expiry
    }

    /// The stream that answers no call.
    pub(crate) fn standalone(&self) -> &Arc<Stream> {
        &self.standalone
    }

    /// Sets the session's connection to the server, once.
    pub(crate) fn connect(&self, connection: Arc<dyn Connection>, primes: bool) {
        self.primes.store(primes, Ordering::Relaxed);
        if self.connection.set(connection).is_err() {
            tracing::error!("a session was connected twice");
        }
    }

    /// The session's connection to the server; `None` before [`Self::connect`].
    pub(crate) fn connection(&self) -> Option<&Arc<dyn Connection>> {
        self.connection.get()
    }

    /// Seats for this many more calls with this many bytes; `None` if the session has too many
    /// running.
    pub(crate) fn admit(&self, calls: usize, bytes: usize) -> Option<Seat> {
        self.calls.take_for(calls, bytes)
    }

    pub(crate) fn primes(&self) -> bool {
        self.primes.load(Ordering::Relaxed)
    }

    /// Where its events are logged.
    pub(super) fn log(&self) -> Option<&EventLog> {
        self.log.as_ref()
    }

    /// A new stream of this session for the answers to one POST; `None` once it is closed.
    pub(crate) fn open_stream(self: &Arc<Self>, stream: Stream) -> Option<(Arc<Stream>, Reading)> {
        let number = self.next_stream.fetch_add(1, Ordering::Relaxed);
        let is_logged = |entry: &Entry| matches!(entry, Entry::Hosted) || stream.is_event_stream();
        let entry = self.log.as_ref().map(|log| log.entry(number)).filter(is_logged);
        let home = Arc::<Self>::clone(self) as Arc<dyn Home>;
        let stream = stream.in_session(&home, number, entry).counted_in(&self.backlog);
        let (stream, reading) = stream.attached();
        self.streams().as_mut()?.insert(number, Arc::clone(&stream));
        Some((stream, reading))
    }

    /// Its client left before it was told of the session. It may have learned of it anyway, and
    /// return.
    pub(crate) fn doubt(&self) {
        self.in_doubt.store(true, Ordering::Release);
    }

    /// How long it may be idle, if others may be for `timeout`.
    fn patience(&self, timeout: Duration) -> Duration {
        if self.in_doubt.load(Ordering::Acquire) { timeout.min(DOUBT) } else { timeout }
    }

    /// Attaches a reader to the stream of this event again.
    pub(crate) fn resume(&self, last: EventId) -> Result<Reading, Unresumed> {
        let running = self.running_stream(last.stream);
        let stream = running.or_else(|| self.finished_stream(last)).ok_or(Unresumed::Unknown)?;
        stream.resume(last)
    }

    /// Attaches a reader to a stream whose events the host stores, with those that it has missed.
    pub(super) fn resume_with(
        &self,
        number: u64,
        missed: &[(String, Bytes)],
    ) -> Result<Reading, Unresumed> {
        let running = self.running_stream(number);
        let has_ended = running.is_none();
        let lost = if has_ended { self.lost_on(number, missed) } else { Vec::new() };
        if has_ended && missed.is_empty() && lost.is_empty() {
            return Err(Unresumed::Over);
        }
        let stream =
            running.unwrap_or_else(|| Arc::new(Stream::standalone(None).counted_in(&self.backlog)));
        let reading = stream.attach_anew();
        for (id, message) in missed {
            stream.push_stored(id, message);
        }
        for answer in lost {
            stream.push_raw(&[event_stream::MESSAGE, &answer, event_stream::END].concat());
        }
        if has_ended {
            stream.end();
        }
        Ok(reading)
    }

    /// Answers to another replica's calls on this stream that it had not answered.
    fn lost_on(&self, number: u64, missed: &[(String, Bytes)]) -> Vec<Bytes> {
        let is_answered = |call: &Bytes| {
            missed.iter().any(|(_, text)| {
                Message::parse(text.clone()).is_ok_and(|message| is_answer(&message, call))
            })
        };
        let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let own = lost.iter().filter(|(stream, call, _)| *stream == number && !is_answered(call));
        own.map(|(_, _, answer)| answer.clone()).collect()
    }

    fn running_stream(&self, number: u64) -> Option<Arc<Stream>> {
        if number == STANDALONE {
            return Some(Arc::clone(&self.standalone));
        }
        self.streams().as_ref()?.get(&number).map(Arc::clone)
    }

    /// Represents a stream that has ended: replays and ends.
    fn finished_stream(&self, last: EventId) -> Option<Arc<Stream>> {
        let log = self.log.as_ref()?;
        let has_lost = log.memory()?.has_lost(last);
        let numbering = log.numbering(last.stream)?;
        if has_lost {
            // The calls that it answered are not known either.
            answer_lost(&numbering, b"null");
        }
        let stream = Stream::standalone(Some(numbering)).counted_in(&self.backlog);
        stream.end();
        Some(Arc::new(stream))
    }

    pub(super) fn streams(&self) -> MutexGuard<'_, Option<HashMap<u64, Arc<Stream>>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends every stream and closes the connection to the server.
    pub(crate) fn close(&self) {
        self.close_with(Departure::Gone);
    }

    /// Another replica continues it, and answers none of the calls that run here: they may have
    /// run.
    fn give_up(&self) {
        let open = self.ledger().map(|ledger| ledger.take_open()).unwrap_or_default();
        for (stream, ids) in open {
            let Some(stream) = self.running_stream(stream) else { continue };
            for id in ids {
                stream.write(Outgoing::new(&may_have_run(&id), &[], true));
            }
        }
    }

    /// Whether another replica continues it.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.is_elsewhere.load(Ordering::Acquire)
    }

    /// The same for a session that continues elsewhere.
    pub(crate) fn hand_on(&self) {
        self.is_elsewhere.store(true, Ordering::Release);
        self.close_with(Departure::Moved);
    }

    fn close_with(&self, how: Departure) {
        self.standalone.end();
        let streams = self.streams().take().unwrap_or_default();
        if let Some(connection) = self.connection.get() {
            connection.depart(how);
        }
        for stream in streams.into_values() {
            stream.end();
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.standalone.has_ended()
    }

    fn add_to(&self, held: &mut Holdings) {
        if let Some(memory) = self.log.as_ref().and_then(EventLog::memory) {
            let (events, bytes) = memory.size();
            held.events += events;
            held.event_bytes += bytes;
        }
        let streams = self.streams();
        let streams = streams.iter().flat_map(HashMap::values).chain([&self.standalone]);
        held.queued_bytes += streams.map(|stream| stream.queued_bytes()).sum::<usize>();
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

impl Home for Session {
    fn id(&self) -> Uuid {
        self.name.id()
    }

    fn forget_stream(&self, number: u64) {
        if let Some(streams) = self.streams().as_mut() {
            streams.remove(&number);
        }
    }

    fn answered(&self, number: u64) {
        if let Some(ledger) = self.ledger() {
            ledger.answered(number);
        }
    }

    fn standalone(&self) -> &Arc<Stream> {
        &self.standalone
    }
}

/// Use of a session: while one exists, the session is not idle.
#[derive(Debug)]
pub(crate) struct Attachment(Arc<Session>);

impl Attachment {
    pub(crate) fn new(session: Arc<Session>) -> Self {
        session.attached.fetch_add(1, Ordering::AcqRel);
        session.in_doubt.store(false, Ordering::Release);
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
