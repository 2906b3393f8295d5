//! A session that outlives the backends to which it has connections.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use futures_util::future::BoxFuture;

use super::{
    opened::{Opened, ask, greet, hand},
    turn::{Current, Turn},
    visitor::Visitor,
};
use crate::{
    host::Caller,
    jsonrpc::{Code, ErrorBody, Kind, Message},
    protocol::{INITIALIZED, Notification, header::annotation::MirroredParameter},
    relay::{
        Connection, Continuation, Continuations, Departure, Memory, OpenError, Reply,
        dedicated::{Held, Unheld},
        lists::tell_changes,
    },
    runtime::task,
};

const REFUSED: &str = "the server does not take this client any more";

/// See the module.
pub(super) struct Lasting {
    me: Weak<Self>,
    current: Arc<Current>,
    visitor: Visitor,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    turn: Arc<Turn>,
    /// The connection to the previous backend, while that has calls to answer.
    before: Option<Before>,
    /// What the client has set at its backends, to repeat it at the next one.
    memory: Memory,
    initialized: bool,
}

/// A connection, and its backend's turn.
type Before = (Arc<Turn>, Arc<dyn Connection>);

enum Phase {
    Open(Arc<dyn Connection>),
    /// Messages wait for a connection.
    Opening(Held),
    /// There is no connection; the next message opens one.
    Idle,
    /// The client has disconnected.
    Closed,
}

/// What to do with a message.
#[expect(clippy::large_enum_variant, reason = "it is moved on at once; boxing it would cost more")]
enum Taken {
    Over(Arc<dyn Connection>, Message, Option<Reply>),
    Waits,
    Unheld(Unheld),
    Dropped(Option<Reply>),
}

impl fmt::Debug for Lasting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lasting").field("session", &self.visitor.session).finish_non_exhaustive()
    }
}

impl Connection for Lasting {
    fn send(
        &self,
        message: Message,
        reply: Option<Reply>,
        caller: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        match self.take(message, reply) {
            Taken::Over(connection, message, reply) => connection.send(message, reply, caller),
            Taken::Waits => None,
            Taken::Unheld(unheld) => {
                unheld.settle();
                None
            }
            Taken::Dropped(reply) => {
                if let Some(reply) = reply {
                    reply.forget();
                }
                None
            }
        }
    }

    fn mirrored(&self, tool: &str) -> Option<Arc<[MirroredParameter]>> {
        self.connection()?.mirrored(tool)
    }

    fn continuation(&self, known: u64) -> Option<Continuation> {
        self.connection()?.continuation(known)
    }

    fn go_on(&self, with: &Continuation, memory: &Memory, listens: bool) -> bool {
        self.continue_by(memory, listens, |open| open.go_on(with, memory, listens))
    }

    fn continuations(&self, known: &dyn Fn(&str) -> u64) -> Vec<(String, Continuation)> {
        self.connection().map_or_else(Vec::new, |open| open.continuations(known))
    }

    fn go_on_with(&self, with: &Continuations, memory: &Memory, listens: bool) -> bool {
        self.continue_by(memory, listens, |open| open.go_on_with(with, memory, listens))
    }

    fn depart(&self, how: Departure) {
        let mut state = self.lock();
        let phase = std::mem::replace(&mut state.phase, Phase::Closed);
        let before = state.before.take();
        drop(state);
        if let Some((_, connection)) = before {
            connection.close();
        }
        match phase {
            Phase::Open(connection) => connection.depart(how),
            Phase::Opening(held) => held.into_replies().for_each(Reply::forget),
            Phase::Idle | Phase::Closed => {}
        }
    }
}

impl State {
    /// A message is sent to the backend: what it sets is remembered, and its call is counted.
    fn passing(&mut self, message: &Message, reply: Option<Reply>) -> Option<Reply> {
        match message.kind() {
            Kind::Request => {
                self.memory.note(message);
                reply.map(|reply| reply.during(self.turn.call()))
            }
            Kind::Notification if !self.initialized => {
                let kind = Notification::of_bytes(&message.method_bytes());
                self.initialized = kind == Notification::Initialized;
                reply
            }
            _ => reply,
        }
    }

    /// Drops the connection to a backend whose turn is over.
    fn leave(&mut self) -> Option<Arc<dyn Connection>> {
        if !self.turn.is_over() || !matches!(self.phase, Phase::Open(_)) {
            return None;
        }
        let Phase::Open(connection) = std::mem::replace(&mut self.phase, Phase::Idle) else {
            return None;
        };
        let before = self.before.replace((Arc::clone(&self.turn), connection));
        before.map(|(_, connection)| connection)
    }
}

impl Lasting {
    /// Continues what another replica had, in this way; what the client had set there is remembered
    /// if that is possible.
    fn continue_by(
        &self,
        memory: &Memory,
        listens: bool,
        go_on: impl FnOnce(&dyn Connection) -> bool,
    ) -> bool {
        let connection = {
            let mut state = self.lock();
            let Phase::Open(connection) = &state.phase else { return false };
            let connection = Arc::clone(connection);
            (state.memory, state.initialized) = (memory.clone(), listens);
            connection
        };
        let goes_on = go_on(&*connection);
        if !goes_on {
            let mut state = self.lock();
            (state.memory, state.initialized) = (Memory::default(), false);
        }
        goes_on
    }

    /// A session with this connection.
    pub(super) fn new(
        current: Arc<Current>,
        visitor: Visitor,
        (turn, connection): (Arc<Turn>, Arc<dyn Connection>),
    ) -> Arc<Self> {
        let state = State {
            phase: Phase::Open(connection),
            turn,
            before: None,
            memory: Memory::default(),
            initialized: false,
        };
        let state = Mutex::new(state);
        Arc::new_cyclic(|me| Self { me: Weak::clone(me), current, visitor, state })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connection(&self) -> Option<Arc<dyn Connection>> {
        match &self.lock().phase {
            Phase::Open(connection) => Some(Arc::clone(connection)),
            _ => None,
        }
    }

    /// Tells the client that its lists have changed.
    pub(super) fn tell_changes(&self) {
        if let Some(sink) = self.visitor.unsolicited.as_ref().filter(|_| self.lock().initialized) {
            tell_changes(&**sink);
        }
    }

    /// The turn is over. If the client has subscriptions, a new connection is opened at once.
    pub(super) fn leave(&self) {
        let mut state = self.lock();
        let dropped = state.leave();
        let waits = matches!(state.phase, Phase::Idle) && state.memory.has_subscriptions();
        if waits {
            state.phase = Phase::Opening(Held::default());
        }
        drop(state);
        if let Some(connection) = dropped {
            connection.close();
        }
        if waits {
            self.start();
        }
    }

    /// The backend of this turn is no longer waited for.
    pub(super) fn forget_before(&self, turn: &Arc<Turn>) {
        let mut state = self.lock();
        let before = state.before.take_if(|(before, _)| Arc::ptr_eq(before, turn));
        drop(state);
        if let Some((_, connection)) = before {
            connection.close();
        }
    }

    fn take(&self, message: Message, reply: Option<Reply>) -> Taken {
        let mut state = self.lock();
        let dropped = state.leave();
        let taken = self.taken(&mut state, message, reply);
        drop(state);
        if let Some(connection) = dropped {
            connection.close();
        }
        taken
    }

    fn taken(&self, state: &mut State, message: Message, reply: Option<Reply>) -> Taken {
        if let Some((_, before)) = state.before.as_ref().filter(|_| concerns_calls(&message)) {
            let before = Arc::clone(before);
            // A waiting call is removed here, a sent one is cancelled at its backend.
            if let Phase::Opening(held) = &mut state.phase
                && message.kind() == Kind::Notification
                && held.holds(&message)
            {
                return held.take(message, reply).map_or(Taken::Waits, Taken::Unheld);
            }
            return Taken::Over(before, message, reply);
        }
        match &mut state.phase {
            Phase::Open(connection) => {
                let connection = Arc::clone(connection);
                let reply = state.passing(&message, reply);
                Taken::Over(connection, message, reply)
            }
            Phase::Opening(held) => held.take(message, reply).map_or(Taken::Waits, Taken::Unheld),
            Phase::Idle => {
                let mut held = Held::default();
                if let Some(unheld) = held.take(message, reply) {
                    return Taken::Unheld(unheld);
                }
                state.phase = Phase::Opening(held);
                self.start();
                Taken::Waits
            }
            Phase::Closed => Taken::Dropped(reply),
        }
    }

    fn start(&self) {
        if let Some(me) = self.me.upgrade() {
            task::spawn(me.reopen());
        }
    }

    /// Opens a connection to the current backend, and sends what waits for it.
    async fn reopen(self: Arc<Self>) {
        loop {
            let turn = self.current.turn();
            let failed = match turn.backend.open(self.visitor.client()).await {
                Ok(connection) => self.settle(&turn, Opened(Some(connection))).await.err(),
                Err(OpenError::Upstream(error)) => Some(error),
                Err(OpenError::Refused(_)) => Some(ErrorBody::new(Code::Internal, REFUSED)),
            };
            match failed {
                // What has failed was removed meanwhile.
                Some(_) if turn.is_over() => {}
                Some(error) => return self.fail(&error),
                None => return,
            }
        }
    }

    /// Repeats at the new backend what was set at the previous one, and sends what waits.
    async fn settle(&self, turn: &Arc<Turn>, mut opened: Opened) -> Result<(), ErrorBody> {
        let (memory, initialized) = {
            let state = self.lock();
            (state.memory.clone(), state.initialized)
        };
        let gone = || ErrorBody::new(Code::Internal, "the connection to the server was closed");
        let connection = opened.0.clone().ok_or_else(gone)?;
        if memory.is_initialized()
            && let Some(greeting) = memory.greeting()
        {
            greet(&*connection, greeting).await?;
        }
        if initialized && let Ok(told) = Message::parse(INITIALIZED.into()) {
            hand(&*connection, told, None).await;
        }
        for request in memory.settled() {
            drop(ask(&*connection, request).await);
        }
        loop {
            let held = {
                let mut state = self.lock();
                let Phase::Opening(held) = &mut state.phase else { return Ok(()) };
                let held = std::mem::take(held).into_messages();
                state.turn = Arc::clone(turn);
                if held.is_empty() {
                    state.phase = opened.0.take().map_or(Phase::Idle, Phase::Open);
                    return Ok(());
                }
                let passing = |(message, reply)| {
                    let reply = state.passing(&message, reply);
                    (message, reply)
                };
                held.into_iter().map(passing).collect::<Vec<_>>()
            };
            for (message, reply) in held {
                hand(&*connection, message, reply).await;
            }
        }
    }

    fn fail(&self, error: &ErrorBody) {
        let mut state = self.lock();
        let Phase::Opening(held) = &mut state.phase else { return };
        let held = std::mem::take(held);
        state.phase = Phase::Idle;
        drop(state);
        for reply in held.into_replies() {
            reply.error(error);
        }
    }
}

/// Whether a message belongs to a running call, or to a question during one.
fn concerns_calls(message: &Message) -> bool {
    match message.kind() {
        Kind::Result | Kind::Error => true,
        Kind::Notification => matches!(
            Notification::of(&message.method()),
            Notification::Cancelled | Notification::Progress
        ),
        Kind::Request => false,
    }
}
