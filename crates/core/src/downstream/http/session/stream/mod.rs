//! The messages of one HTTP response, in the server's order.
//!
//! Exchanges write to it, and the response body reads from it. A stream of a resumable session
//! outlives its response: while it has no reader, messages go only to the event store.

mod sending;
mod turns;

use std::{
    fmt,
    sync::{Arc, OnceLock, PoisonError, Weak},
};

use bytes::Bytes;
use tokio::sync::Notify;
use uuid::Uuid;

use super::{
    encoding::Encoding,
    log::Entry,
    numbering::Numbering,
    state::{Decision, MAX_QUEUED_BYTES, Owed, Reader, State},
};
use crate::{
    cluster::Names,
    codec::event_stream,
    downstream::http::backlog::{Backlog, Debt, Debtor},
    jsonrpc::{Frame, Pieces},
    relay::Denied,
    runtime::lock::{Mutex, MutexGuard},
};

/// The next step of a reader.
#[derive(Debug)]
pub(crate) enum Step {
    Bytes(Bytes),
    /// All responses were sent, or another reader has replaced this one.
    End,
    /// The reader was too slow.
    Cut,
}

/// See the module.
pub(crate) struct Stream {
    /// Where its events are logged, if it can be resumed.
    entry: Option<Entry>,
    place: Option<Place>,
    owner: Option<Uuid>,
    /// Gives names to calls that wait for their clients, if there are several replicas.
    names: Option<Arc<Names>>,
    /// Notified when some of a large backlog was read, or nobody reads any more.
    drained: Notify,
    /// A reference to itself, once it has a reader and is counted.
    me: OnceLock<Weak<Self>>,
    /// Why its request was refused because of its sender, with the answer.
    denied: OnceLock<Box<(Denied, Bytes)>>,
    state: Mutex<State>,
}

/// Where a session keeps the stream.
struct Place {
    session: Weak<dyn Home>,
    number: u64,
}

/// The session that keeps a stream.
pub(super) trait Home: Send + Sync {
    fn id(&self) -> Uuid;

    /// The stream with this number is not needed any more.
    fn forget_stream(&self, number: u64);

    /// The calls of the stream with this number are answered.
    fn answered(&self, number: u64);

    /// The stream that answers no call.
    fn standalone(&self) -> &Arc<Stream>;
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl Stream {
    /// A stream for `responses` requests, without a reader yet.
    pub(crate) fn new(encoding: Encoding, responses: usize) -> Self {
        let owed = Owed::Responses { left: responses, array: responses > 1 };
        Self {
            entry: None,
            place: None,
            owner: None,
            names: None,
            drained: Notify::new(),
            me: OnceLock::new(),
            denied: OnceLock::new(),
            state: Mutex::new(State {
                encoding,
                queue: Pieces::default(),
                is_read: false,
                reader: Reader::Absent,
                turn: 0,
                limit: MAX_QUEUED_BYTES,
                owed,
                wrote: false,
                decision: Decision::Made,
                is_delivered: false,
                unseen: 0,
                error: None,
                debt: None,
            }),
        }
    }

    /// A stream that answers no call, without a reader yet.
    pub(crate) fn standalone(numbering: Option<Numbering>) -> Self {
        let stream = Self::new(Encoding::EventStream, 0);
        let mut state = stream.lock();
        state.owed = Owed::Unlimited;
        drop(state);
        Self { entry: numbering.map(Entry::Numbered), ..stream }
    }

    /// Makes it this session's stream with this number, whose events are logged there.
    pub(super) fn in_session(
        self,
        session: &Arc<dyn Home>,
        number: u64,
        entry: Option<Entry>,
    ) -> Self {
        let place = Some(Place { session: Arc::downgrade(session), number });
        Self { entry, place, owner: Some(session.id()), ..self }
    }

    /// Its client may return to other replicas.
    pub(crate) fn named_by(self, names: Option<&Arc<Names>>) -> Self {
        Self { names: names.map(Arc::clone), ..self }
    }

    /// Names the session of the client that reads it.
    pub(crate) fn owned_by(self, session: Uuid) -> Self {
        Self { owner: Some(session), ..self }
    }

    /// Counts its queue in this backlog, too.
    pub(crate) fn counted_in(self, backlog: &Arc<Backlog>) -> Self {
        self.lock().debt = Some(Debt::new(Arc::clone(backlog)));
        self
    }

    /// Counts the queue; returns the backlog if that is above its limit. Call its `shed` after
    /// unlocking the stream.
    fn count(&self, state: &mut State) -> Option<Arc<Backlog>> {
        let waiting = state.queue.len();
        let me = || {
            let me: Weak<dyn Debtor> = Weak::<Self>::clone(self.me.get()?);
            Some(me)
        };
        state.debt.as_mut()?.is(waiting, me)
    }

    /// Lists it in the backlog, so that it can be cut off.
    fn introduce(self: &Arc<Self>, state: &State) {
        if state.debt.is_some() {
            self.me.get_or_init(|| Arc::downgrade(self));
        }
    }

    /// Bytes that wait for the reader.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.lock().queue.len()
    }

    fn numbering(&self) -> Option<&Numbering> {
        match &self.entry {
            Some(Entry::Numbered(numbering)) => Some(numbering),
            Some(Entry::Hosted) | None => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_event_stream(&self) -> bool {
        self.lock().encoding == Encoding::EventStream
    }

    /// Makes it an event stream if that is undecided; `false` if a JSON answer is already there.
    pub(crate) fn begin_events(&self) -> bool {
        let mut state = self.lock();
        if state.encoding == Encoding::Lazy && state.owed != Owed::Ended {
            state.encoding = Encoding::EventStream;
        }
        state.encoding == Encoding::EventStream
    }

    /// Why its request was refused because of its sender, with the answer.
    pub(crate) fn denied(&self) -> Option<&(Denied, Bytes)> {
        self.denied.get().map(|denied| &**denied)
    }

    /// The error code, if an error is the whole answer.
    pub(crate) fn error_code(&self) -> Option<i64> {
        self.lock().error
    }

    /// Starts a numbered stream with an event that carries only an id, unless it begins with a
    /// message, which has an id.
    pub(crate) fn prime(&self) {
        let Some(numbering) = self.numbering() else { return };
        let mut state = self.lock();
        if !state.queue.is_empty() {
            return;
        }
        numbering.append(
            |id| Frame::Whole(Bytes::copy_from_slice(id.priming().as_bytes())),
            |frame| state.queue.push_frame(frame),
        );
    }

    /// The same, with an id that the host has given.
    pub(crate) fn prime_as(&self, event_id: &str) {
        if let Some(event) = event_stream::priming_as(event_id) {
            self.push_raw(event.as_bytes());
        }
    }

    /// Queues bytes that are not a message from the server.
    pub(crate) fn push_raw(&self, bytes: &[u8]) {
        let mut state = self.lock();
        state.queue.push_slice(bytes);
        self.count(&mut state);
        state.wake();
    }

    fn leave_session(&self) {
        if let Some(place) = &self.place
            && let Some(session) = place.session.upgrade()
        {
            session.forget_stream(place.number);
        }
    }
}

impl Debtor for Stream {
    fn waiting(&self) -> usize {
        self.queued_bytes()
    }

    fn shed(&self) {
        let mut state = self.lock();
        if matches!(state.reader, Reader::Present(_)) {
            state.cut();
        }
        if let Some(debt) = &mut state.debt {
            debt.is_shed();
        }
        self.drained.notify_waiters();
    }
}

/// Why a stream is not resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unresumed {
    /// The event is not kept.
    Unknown,
    /// The host's store failed.
    Failed,
    /// The stream has ended, and this event was the last on it.
    Over,
}
