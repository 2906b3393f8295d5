//! The messages of one HTTP response, in the server's order.
//!
//! Exchanges write to it, and the response body reads from it. A stream of a resumable session
//! outlives its response: while it has no reader, messages go only to the event store.

use std::{
    fmt,
    sync::{Arc, OnceLock, PoisonError, Weak},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
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
    jsonrpc::{Assembly, Frame, Kind, Pieces},
    relay::{Denied, Outgoing, RESUME_BELOW, Sink},
    runtime::lock::{Mutex, MutexGuard},
    watch::{self, Payload, Point, TAP},
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

    /// The turn of a new reader, which gets everything that is kept and was given to no reader.
    pub(super) fn turn(self: &Arc<Self>) -> u64 {
        let mut state = self.lock();
        if let Some(numbering) = self.numbering() {
            state.drop_queue();
            let unseen = std::mem::take(&mut state.unseen);
            numbering.replay_newest(unseen, &mut state.queue);
        } else if state.is_read {
            // What is kept may begin in the middle of an event.
            state.queue = Pieces::default();
        }
        self.admit(state)
    }

    /// The same, without what was given to no reader.
    pub(super) fn fresh_turn(self: &Arc<Self>) -> u64 {
        let mut state = self.lock();
        state.queue = Pieces::default();
        self.admit(state)
    }

    fn admit(self: &Arc<Self>, mut state: MutexGuard<'_, State>) -> u64 {
        self.introduce(&state);
        self.count(&mut state);
        let turn = state.begin_turn();
        self.drained.notify_waiters();
        turn
    }

    /// Whether bytes wait for a reader.
    pub(crate) fn has_backlog(&self) -> bool {
        !self.lock().queue.is_empty()
    }

    /// The turn of the first reader.
    pub(super) fn first_turn(self: &Arc<Self>) -> u64 {
        let mut state = self.lock();
        self.introduce(&state);
        state.begin_turn()
    }

    /// The turn of a reader that has everything up to `last`.
    pub(super) fn turn_after(
        self: &Arc<Self>,
        last: event_stream::EventId,
    ) -> Result<u64, Unresumed> {
        let Some(numbering) = self.numbering() else { return Err(Unresumed::Unknown) };
        let mut state = self.lock();
        // What an earlier reader left unread is among the missed events.
        let mut missed = Pieces::default();
        if !numbering.replay(last, &mut missed) {
            return Err(Unresumed::Unknown);
        }
        if missed.is_empty() && state.owed == Owed::Ended {
            return Err(Unresumed::Over);
        }
        state.queue = missed;
        state.unseen = 0;
        Ok(self.admit(state))
    }

    /// The reader of this turn has disconnected. What was queued for it stays in the event store,
    /// if there is one.
    pub(super) fn detach(&self, turn: u64) {
        let mut state = self.lock();
        if state.turn != turn {
            return;
        }
        state.drop_queue();
        self.count(&mut state);
        state.reader = Reader::Absent;
        state.is_read = false;
        self.drained.notify_waiters();
        let is_kept = self.entry.is_some();
        let finished = state.owed == Owed::Ended || !is_kept;
        drop(state);
        if finished {
            self.leave_session();
        }
    }

    /// Ends the stream even if responses are missing.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.owed = Owed::Ended;
        state.wake();
        self.drained.notify_waiters();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.lock().owed == Owed::Ended
    }

    /// The next step for the reader of this turn.
    pub(super) fn poll_next(&self, turn: u64, context: &mut Context<'_>) -> Poll<Step> {
        let mut state = self.lock();
        match state.reader {
            _ if state.turn != turn => return Poll::Ready(Step::End),
            Reader::Cut => return Poll::Ready(Step::Cut),
            Reader::Dismissed { is_told: true } if state.queue.is_empty() => {
                return Poll::Ready(Step::End);
            }
            Reader::Dismissed { .. } if state.queue.is_empty() => {
                state.reader = Reader::Dismissed { is_told: true };
                return Poll::Ready(Step::Bytes(Bytes::from_static(event_stream::RETRY)));
            }
            _ => {}
        }
        state.is_read = true;
        let is_large = state.queue.len() > RESUME_BELOW;
        if let Some(bytes) = state.queue.pop() {
            self.count(&mut state);
            if is_large {
                self.drained.notify_waiters();
            }
            return Poll::Ready(Step::Bytes(bytes));
        }
        if state.owed == Owed::Ended {
            state.is_delivered = true;
            return Poll::Ready(Step::End);
        }
        state.wait(context);
        Poll::Pending
    }

    /// Whether a reader has received everything up to the end.
    pub(crate) fn is_delivered(&self) -> bool {
        self.lock().is_delivered
    }

    /// Ready once every response has arrived: nothing more will be queued.
    pub(crate) fn poll_ended(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.owed == Owed::Ended || matches!(state.reader, Reader::Cut) {
            return Poll::Ready(());
        }
        state.wait(context);
        Poll::Pending
    }

    /// Ready once there is a message to send, or nothing more will come.
    pub(crate) fn poll_begun(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.wrote
            || state.owed == Owed::Ended
            || matches!(state.reader, Reader::Dismissed { .. })
        {
            return Poll::Ready(());
        }
        state.wait(context);
        Poll::Pending
    }

    /// Ready once it is known whether the request is refused, or nothing more will come.
    pub(crate) fn poll_decided(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        let is_read = matches!(state.reader, Reader::Present(_));
        if state.decision == Decision::Made || !is_read || state.owed == Owed::Ended {
            return Poll::Ready(());
        }
        state.wait(context);
        Poll::Pending
    }

    /// Everything queued for the reader of this turn; `None` if more will come.
    pub(super) fn take_whole(&self, turn: u64) -> Option<Vec<Bytes>> {
        let mut state = self.lock();
        if state.owed != Owed::Ended || state.turn != turn {
            return None;
        }
        state.is_delivered = true;
        let whole = state.queue.drain();
        self.count(&mut state);
        Some(whole)
    }

    fn leave_session(&self) {
        if let Some(place) = &self.place
            && let Some(session) = place.session.upgrade()
        {
            session.forget_stream(place.number);
        }
    }

    fn put(&self, outgoing: Outgoing<'_>) {
        let mut state = self.lock();
        if state.owed == Owed::Ended {
            return;
        }
        TAP.show(|| {
            watch::Frame::new(Point::ToClient, Payload::edited(outgoing.source, outgoing.edits))
                .in_session(self.owner)
                .on_stream(self)
        });
        if state.encoding == Encoding::Lazy && !outgoing.response {
            state.encoding = Encoding::EventStream;
        }
        match state.encoding {
            Encoding::EventStream => {
                self.push_event(&mut state, &outgoing);
                state.wrote = true;
            }
            Encoding::Json | Encoding::Lazy if outgoing.response => state.write_json(&outgoing),
            Encoding::Json | Encoding::Lazy => {
                drop(state);
                return self.pass_on(outgoing);
            }
        }
        let finished = outgoing.response && state.settle();
        let resumable = state.encoding != Encoding::Json;
        state.wake();
        if matches!(state.reader, Reader::Cut) {
            self.drained.notify_waiters();
        }
        let absent = matches!(state.reader, Reader::Absent);
        let over = self.count(&mut state);
        drop(state);
        if let Some(backlog) = over {
            backlog.shed();
        }
        if finished && resumable {
            self.answered();
        }
        if finished && absent {
            self.leave_session();
        }
    }

    /// Other replicas no longer need to know about its calls.
    fn answered(&self) {
        if let Some(place) = &self.place
            && let Some(session) = place.session.upgrade()
        {
            session.answered(place.number);
        }
    }

    /// A message that cannot be part of the answer goes to the session's standalone stream.
    fn pass_on(&self, outgoing: Outgoing<'_>) {
        let session = self.place.as_ref().and_then(|place| place.session.upgrade());
        if let Some(session) = session {
            session.standalone().put(outgoing);
        }
    }

    /// Queues an event whose id the host has given.
    pub(crate) fn push_stored(&self, event_id: &str, source: &Bytes) {
        let mut state = self.lock();
        let outgoing = Outgoing::new(source, &[], false).stored_as(Some(event_id));
        self.push_event(&mut state, &outgoing);
        self.count(&mut state);
        state.wake();
    }

    fn push_event(&self, state: &mut State, outgoing: &Outgoing<'_>) {
        let Outgoing { source, edits, event: event_id, .. } = *outgoing;
        let behind = event_stream::END;
        if let Some(id) = event_id {
            let before = event_stream::message_as(id);
            let assembly = Assembly { before: before.as_bytes(), source, edits, behind };
            if state.makes_room(assembly.len()) {
                state.queue.push(&assembly);
            }
            return;
        }
        let Some(numbering) = self.numbering() else {
            let assembly = Assembly { before: event_stream::MESSAGE, source, edits, behind };
            if state.makes_room(assembly.len()) {
                state.queue.push(&assembly);
            }
            return;
        };
        let build = |id: event_stream::EventId| {
            Assembly { before: id.message().as_bytes(), source, edits, behind }.frame()
        };
        numbering.append(build, |frame| {
            if state.makes_room(frame.len()) {
                state.queue.push_frame(frame);
            } else {
                state.unseen = state.unseen.saturating_add(frame.len());
            }
        });
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

impl Sink for Stream {
    /// A stream that decides its own response head looks at the answer before the head is sent.
    fn write(&self, outgoing: Outgoing<'_>) {
        let parsed = outgoing.parsed().filter(|it| it.kind() == Kind::Error);
        if let Some(message) = parsed.filter(|_| outgoing.response) {
            let mut state = self.lock();
            if state.encoding != Encoding::EventStream {
                state.error = message.error_code();
            }
        }
        self.put(outgoing);
    }

    /// Cancelled requests get no response (MCP, "Cancellation"): a stream with no other response to
    /// send ends. If the client takes that for a lost connection and returns, it learns that there
    /// is nothing more ([`Unresumed::Over`]).
    fn forget(&self) {
        let mut state = self.lock();
        let finished = state.settle();
        if finished {
            state.wake();
        }
        let absent = matches!(state.reader, Reader::Absent);
        let resumable = state.encoding != Encoding::Json;
        drop(state);
        if finished && resumable {
            self.answered();
        }
        if finished && absent {
            self.leave_session();
        }
    }

    fn reader(&self) -> Option<&dyn crate::relay::Reader> {
        Some(self)
    }
}

impl crate::relay::Reader for Stream {
    fn deny(&self, denied: &Denied, body: Bytes) {
        // If there are several, the first one counts.
        self.denied.get_or_init(|| Box::new((denied.clone(), body)));
    }

    fn undecided(&self, is_open: bool) {
        let mut state = self.lock();
        let is_alone = matches!(state.owed, Owed::Responses { left: 1, array: false });
        state.decision = if is_open && is_alone { Decision::Open } else { Decision::Made };
        state.wake();
    }

    fn name(&self, unique: &str) -> Option<String> {
        Some(self.names.as_ref()?.give(unique))
    }

    fn number(&self) -> Option<u64> {
        // Messages that cannot be part of a JSON answer are on the standalone stream.
        let place = self.place.as_ref().filter(|_| self.lock().encoding != Encoding::Json);
        place.map(|place| place.number)
    }

    fn session(&self) -> Option<Uuid> {
        self.owner
    }

    /// Only a numbered stream can be resumed; any other continues.
    fn interrupt(&self) {
        let mut state = self.lock();
        if self.entry.is_some() && matches!(state.reader, Reader::Present(_)) {
            state.wake();
            state.reader = Reader::Dismissed { is_told: false };
            self.drained.notify_waiters();
        }
    }

    fn backlog(&self) -> usize {
        let state = self.lock();
        let reads = state.is_read && matches!(state.reader, Reader::Present(_));
        if reads && state.encoding == Encoding::EventStream { state.queue.len() } else { 0 }
    }

    fn drained(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.drained.notified())
    }

    fn is_heard(&self) -> bool {
        let state = self.lock();
        state.encoding != Encoding::Json
            && state.owed != Owed::Ended
            && matches!(state.reader, Reader::Present(_))
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
