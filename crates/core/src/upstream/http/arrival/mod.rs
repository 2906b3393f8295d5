//! A client of a server whose era is not known yet, or may change.
//!
//! Its messages wait until the era is known. Finding out starts with the first message: in the
//! client's own era if the server speaks that, so that everything passes unchanged, otherwise in
//! the other one. If the server later speaks another era, the client continues in that one, with
//! what it has set before.

mod connecting;

use std::{
    collections::VecDeque,
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::remote::{Remote, Visitor};
use crate::{
    era::Era,
    host::Caller,
    jsonrpc::{Code, ErrorBody, Kind, Message},
    protocol::{Method, Notification, header::annotation::MirroredParameter},
    relay::{Connection, Continuation, Departure, Memory, Reply},
};

/// Most messages that wait.
const QUEUE: usize = 1024;
/// Connections that are kept because answers are still expected on them.
const MAX_PAST: usize = 4;

/// See the module.
pub(super) struct Arrival {
    me: Weak<Self>,
    remote: Remote,
    visitor: Visitor,
    closed: CancellationToken,
    state: Mutex<Progress>,
}

type Queued = (Message, Option<Reply>);

struct Progress {
    state: State,
    /// How often the server has changed its era.
    turns: u64,
    /// What the client has set, to repeat it at a server that does not know it.
    memory: Memory,
    /// Whether the client has sent `notifications/initialized`.
    listens: bool,
    /// The connections before the last changes of era: answers may still come on them.
    past: VecDeque<Arc<dyn Connection>>,
}

enum State {
    /// Idle: nothing was sent yet, or it has failed.
    Idle,
    Waiting(VecDeque<Queued>),
    Open(Arc<dyn Connection>),
    /// The client has disconnected.
    Closed,
}

impl fmt::Debug for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrival").field("remote", &self.remote).finish_non_exhaustive()
    }
}

impl Connection for Arrival {
    fn send(
        &self,
        message: Message,
        reply: Option<Reply>,
        caller: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        let reply = match reply {
            Some(reply) => match self.remote.site().endpoint.answer_meanwhile(&message, reply) {
                Some(reply) => Some(reply),
                None => return None,
            },
            None => None,
        };
        let mut progress = self.lock();
        let reply = progress.note(self, &message, reply);
        if let State::Open(connection) = &progress.state {
            let connection = Arc::clone(connection);
            drop(progress);
            return connection.send(message, reply, caller);
        }
        let begins = matches!(progress.state, State::Idle);
        let refused = progress.push((message, reply));
        drop(progress);
        if begins {
            self.begin();
        }
        if let Some((_, Some(reply))) = refused {
            let text = "too many messages wait for the server";
            reply.error(&ErrorBody::new(Code::Unavailable, text));
        }
        None
    }

    fn mirrored(&self, tool: &str) -> Option<Arc<[MirroredParameter]>> {
        self.connection()?.mirrored(tool)
    }

    fn is_over(&self) -> bool {
        self.closed.is_cancelled() || self.connection().is_some_and(|open| open.is_over())
    }

    fn continuation(&self, known: u64) -> Option<Continuation> {
        self.connection()?.continuation(known)
    }

    fn go_on(&self, with: &Continuation, memory: &Memory, listens: bool) -> bool {
        let mut progress = self.lock();
        let connection = match &progress.state {
            State::Idle => self.remote.session(&self.visitor),
            State::Open(connection) => {
                let connection = Arc::clone(connection);
                drop(progress);
                return connection.go_on(with, memory, listens);
            }
            State::Waiting(_) | State::Closed => return false,
        };
        if !connection.go_on(with, memory, listens) {
            drop(progress);
            connection.close();
            return false;
        }
        (progress.memory, progress.listens) = (memory.clone(), listens);
        progress.state = State::Open(connection);
        true
    }

    fn depart(&self, how: Departure) {
        if let Some(connection) = self.end() {
            connection.depart(how);
        }
    }
}

impl Progress {
    /// Remembers what a message sets. If the message must be sent in another way, its reply, if it
    /// has one, starts that.
    fn note(
        &mut self,
        arrival: &Arrival,
        message: &Message,
        reply: Option<Reply>,
    ) -> Option<Reply> {
        if !arrival.remote.may_turn() {
            return reply;
        }
        if message.kind() == Kind::Notification {
            let kind = Notification::of(&message.method());
            self.listens |= kind == Notification::Initialized;
            return reply;
        }
        if arrival.visitor.era == Era::Legacy && reply.is_some() {
            self.memory.note(message);
        }
        // The handshake that finds the server has an answer of its own.
        if matches!(self.state, State::Idle) && is_handshake(message) {
            return reply;
        }
        reply.map(|reply| detour(&arrival.me, message, self.turns, reply))
    }

    /// Queues a message; returns it if there are too many.
    fn push(&mut self, queued: Queued) -> Option<Queued> {
        match &mut self.state {
            State::Waiting(queue) if queue.len() < QUEUE => queue.push_back(queued),
            State::Waiting(_) => return Some(queued),
            State::Idle => self.state = State::Waiting(VecDeque::from([queued])),
            State::Open(_) | State::Closed => forget(queued.1),
        }
        None
    }
}

impl Arrival {
    /// A client that has sent nothing yet; `connection` is its way to the server, if that is known.
    pub(super) fn open(
        remote: Remote,
        visitor: Visitor,
        connection: Option<Arc<dyn Connection>>,
    ) -> Arc<Self> {
        let closed = remote.site().stop.child_token();
        let progress = Progress {
            state: connection.map_or(State::Idle, State::Open),
            turns: 0,
            memory: Memory::default(),
            listens: false,
            past: VecDeque::new(),
        };
        let state = Mutex::new(progress);
        Arc::new_cyclic(|me| Self { me: Weak::clone(me), remote, visitor, closed, state })
    }

    /// Ends it here; returns the connection that it had.
    fn end(&self) -> Option<Arc<dyn Connection>> {
        self.closed.cancel();
        let mut progress = self.lock();
        let state = mem::replace(&mut progress.state, State::Closed);
        let past = mem::take(&mut progress.past);
        drop(progress);
        for past in past {
            past.close();
        }
        match state {
            State::Open(connection) => return Some(connection),
            State::Waiting(queue) => queue.into_iter().for_each(|(_, reply)| forget(reply)),
            State::Idle | State::Closed => {}
        }
        None
    }

    fn connection(&self) -> Option<Arc<dyn Connection>> {
        match &self.lock().state {
            State::Open(connection) => Some(Arc::clone(connection)),
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) {
        let Some(arrival) = self.me.upgrade() else { return };
        self.remote.site().spawn(self.closed.clone(), async move {
            let turns = arrival.lock().turns;
            let connected = if turns == 0 {
                Box::pin(arrival.connect()).await
            } else {
                Box::pin(arrival.reconnect()).await
            };
            match connected {
                Ok(connection) => arrival.hand_over(connection).await,
                Err(error) => arrival.refuse(&error),
            }
        });
    }

    /// Takes back a request that was sent at this turn, because its server now speaks another era.
    fn turn(&self, after: u64, request: Queued) {
        let mut progress = self.lock();
        let turns = progress.turns == after && matches!(progress.state, State::Open(_));
        if let State::Open(connection) = &progress.state {
            let connection = Arc::clone(connection);
            if !turns {
                drop(progress);
                return self.send_later(&connection, request);
            }
            progress.turns += 1;
            progress.state = State::Idle;
            progress.past.push_back(connection);
            let oldest =
                if progress.past.len() > MAX_PAST { progress.past.pop_front() } else { None };
            drop(progress.push(request));
            drop(progress);
            if let Some(oldest) = oldest {
                oldest.close();
            }
            return self.begin();
        }
        let begins = matches!(progress.state, State::Idle);
        let refused = progress.push(request);
        drop(progress);
        drop(refused);
        if begins {
            self.begin();
        }
    }

    fn send_later(&self, connection: &Arc<dyn Connection>, (message, reply): Queued) {
        if let Some(sending) = connection.send(message, reply, None) {
            self.remote.site().spawn(self.closed.clone(), sending);
        }
    }

    /// Sends what waits, and lets everything else pass directly.
    async fn hand_over(&self, connection: Arc<dyn Connection>) {
        while let Some((message, reply)) = self.next_or_open(&connection) {
            if let Some(sending) = connection.send(message, reply, None) {
                sending.await;
            }
        }
    }

    fn next_or_open(&self, connection: &Arc<dyn Connection>) -> Option<Queued> {
        let mut progress = self.lock();
        let State::Waiting(queue) = &mut progress.state else {
            drop(progress);
            connection.close();
            return None;
        };
        let next = queue.pop_front();
        if next.is_none() {
            progress.state = State::Open(Arc::clone(connection));
        }
        next
    }

    /// Answers what waits; the next message starts another attempt.
    fn refuse(&self, error: &ErrorBody) {
        let mut progress = self.lock();
        if matches!(progress.state, State::Closed) {
            return;
        }
        let State::Waiting(queue) = mem::replace(&mut progress.state, State::Idle) else { return };
        drop(progress);
        for reply in queue.into_iter().filter_map(|(_, reply)| reply) {
            reply.error(error);
        }
    }

    fn next(&self) -> Option<Queued> {
        match &mut self.lock().state {
            State::Waiting(queue) => queue.pop_front(),
            _ => None,
        }
    }

    fn put_back(&self, first: Queued) {
        match &mut self.lock().state {
            State::Waiting(queue) => queue.push_front(first),
            _ => forget(first.1),
        }
    }
}

fn is_handshake(message: &Message) -> bool {
    Method::of(&message.method()) == Method::Initialize
}

fn forget(reply: Option<Reply>) {
    if let Some(reply) = reply {
        reply.forget();
    }
}

/// Gives the request a second way. If its server refuses it and has changed its era since the turn
/// with this number, the request was not run, and is sent once more in the server's new era. If it
/// is refused again, that is final.
fn detour(arrival: &Weak<Arrival>, request: &Message, turn: u64, reply: Reply) -> Reply {
    let (arrival, request) = (Weak::clone(arrival), request.clone());
    reply.by_detour(Box::new(move |reply| {
        let Some(arrival) = arrival.upgrade() else { return Some(reply) };
        arrival.turn(turn, (request, Some(reply)));
        None
    }))
}
