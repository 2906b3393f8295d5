//! One client and the server it has to itself: what the client sends.

use std::{
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, atomic::AtomicBool},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::{sync::Notify, time::Instant};

use super::{
    Launched, Slot, Source,
    held::{Held, Unheld, is_cancellation},
    memory::Memory,
    opening::Opening,
};
use crate::{
    host::Caller,
    jsonrpc::{Assembly, Edit, Kind, Message, Span},
    protocol::{INITIALIZED, Method},
    relay::{
        Cause, Connection, Departure, Limits, Outbox, Reply, Sink,
        exchange::{Exchanges, Leg, Purpose},
        link::calls,
        outbox::Pushed,
    },
    telemetry::traffic,
};

/// Every exchange belongs to the only client.
const CLIENT: u64 = 0;

/// See the module.
pub(crate) struct Private {
    me: Weak<Self>,
    pub(super) unsolicited: Option<Arc<dyn Sink>>,
    pub(super) limits: Limits,
    pub(super) busy: Notify,
    /// There is another call.
    pub(super) called: Notify,
    /// A reader has fallen behind; see [`Self::pause`].
    pub(super) is_behind: AtomicBool,
    /// A reader was waited for and did not read.
    pub(super) is_impatient: AtomicBool,
    source: Source,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) phase: Phase,
    pub(super) exchanges: Exchanges,
    pub(super) sweeping: bool,
    pub(super) memory: Memory,
    pub(super) opening: Option<Opening>,
    /// When the last message passed, in either direction.
    pub(super) last_used: Instant,
    pub(super) behind: Option<Arc<dyn Sink>>,
}

/// The state of the server.
pub(super) enum Phase {
    /// Nothing was sent yet, so nothing was started.
    Unused(Box<dyn Slot>),
    /// The proxy makes the handshake on the client's behalf; the client's messages wait.
    Greeting {
        server: Launched,
        held: Held,
    },
    Open(Launched),
    /// It was idle, so it was stopped; the next request starts another one.
    Resting,
    Ended(Cause),
    /// The client has disconnected.
    Closed,
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Private").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Connection for Private {
    fn send(
        &self,
        message: Message,
        reply: Option<Reply>,
        _: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        let mut state = self.lock();
        if let Err(cause) = self.make_ready(&mut state, &message) {
            drop(state);
            if let Some(reply) = reply {
                reply.error(&cause.error());
            }
            return None;
        }
        state.last_used = Instant::now();
        let outbox = match &mut state.phase {
            Phase::Open(server) => Arc::clone(&server.outbox),
            Phase::Greeting { held, .. } => {
                let unheld = held.take(message, reply);
                drop(state);
                if let Some(unheld) = unheld {
                    unheld.settle();
                }
                return None;
            }
            Phase::Unused(_) | Phase::Resting | Phase::Ended(_) | Phase::Closed => {
                drop(state);
                if let Some(reply) = reply {
                    reply.forget();
                }
                return None;
            }
        };
        let pushed = state.push(&outbox, message, reply);
        drop(state);
        self.called.notify_waiters();
        let (message, reply) = match pushed {
            Ok(cancelled) => {
                if let Some(cancelled) = cancelled {
                    cancelled.forget();
                }
                return None;
            }
            Err(full) => full,
        };
        let client = self.me.upgrade()?;
        Some(Box::pin(async move {
            outbox.room().await;
            if let Some(sending) = client.send(message, reply, None) {
                sending.await;
            }
        }))
    }

    fn is_over(&self) -> bool {
        matches!(self.lock().phase, Phase::Ended(_) | Phase::Closed)
    }

    fn depart(&self, _: Departure) {
        let mut state = self.lock();
        let phase = mem::replace(&mut state.phase, Phase::Closed);
        let exchanges = state.exchanges.take();
        drop(state);
        for reply in calls(exchanges) {
            reply.forget();
        }
        if let Phase::Greeting { held, .. } = phase {
            held.into_replies().for_each(Reply::forget);
        }
    }
}

impl Private {
    /// A connection whose server starts with its first message.
    pub(in crate::relay) fn open(
        slot: Box<dyn Slot>,
        unsolicited: Option<Arc<dyn Sink>>,
        limits: Limits,
        source: Source,
    ) -> Arc<Self> {
        let state = State {
            phase: Phase::Unused(slot),
            exchanges: Exchanges::default(),
            sweeping: false,
            memory: Memory::default(),
            opening: None,
            last_used: Instant::now(),
            behind: None,
        };
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            unsolicited,
            limits,
            busy: Notify::new(),
            called: Notify::new(),
            is_behind: AtomicBool::new(false),
            is_impatient: AtomicBool::new(false),
            source,
            state: Mutex::new(state),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a server if a message needs one; returns why there is none.
    fn make_ready(&self, state: &mut State, message: &Message) -> Result<(), Cause> {
        let slot = self.find_slot(state, message.kind() == Kind::Request)?;
        if let Some(slot) = slot {
            self.launch(state, slot, message)?;
        }
        self.watch(state);
        Ok(())
    }

    /// Reserves a server if one must be started.
    fn find_slot(&self, state: &mut State, wakes: bool) -> Result<Option<Box<dyn Slot>>, Cause> {
        match &state.phase {
            Phase::Unused(_) => {}
            Phase::Resting if wakes => return self.source.another().map(Some),
            Phase::Ended(_) if wakes && self.source.revives => {
                let slot = self.source.another()?;
                self.source.nursery.restarted();
                return Ok(Some(slot));
            }
            Phase::Ended(cause) => return Err(cause.clone()),
            Phase::Greeting { .. } | Phase::Open(_) | Phase::Resting | Phase::Closed => {
                return Ok(None);
            }
        }
        match mem::replace(&mut state.phase, Phase::Closed) {
            Phase::Unused(slot) => Ok(Some(slot)),
            phase => {
                state.phase = phase;
                Ok(None)
            }
        }
    }

    fn launch(
        &self,
        state: &mut State,
        slot: Box<dyn Slot>,
        message: &Message,
    ) -> Result<(), Cause> {
        let begins = Method::of(&message.method()) == Method::Initialize;
        let greets = !begins && (self.unsolicited.is_none() || state.memory.is_initialized());
        let launched = match self.me.upgrade() {
            Some(client) => slot.launch(client),
            None => Err(Cause { message: "the session has ended".to_owned(), data: None }),
        };
        match launched {
            Ok(server) => {
                state.phase = if greets { state.greet(server) } else { Phase::Open(server) };
                Ok(())
            }
            Err(cause) => {
                state.phase = Phase::Ended(cause.clone());
                Err(cause)
            }
        }
    }

    /// The server has answered the proxy's handshake: sends it what has waited.
    pub(super) fn greeted(mut state: MutexGuard<'_, State>) {
        let Phase::Greeting { server, held } = mem::replace(&mut state.phase, Phase::Closed) else {
            return;
        };
        push_line(&server.outbox, &Bytes::from_static(INITIALIZED.as_bytes()));
        for request in state.memory.settled() {
            state.push_own(&server.outbox, &request, Purpose::Housekeeping);
        }
        let outbox = Arc::clone(&server.outbox);
        state.phase = Phase::Open(server);
        let mut unheld = Vec::new();
        for (message, reply) in held.into_messages() {
            unheld.extend(match state.push(&outbox, message, reply) {
                Ok(cancelled) => cancelled.map(Unheld::Cancelled),
                Err((_, reply)) => reply.map(Unheld::TooMuch),
            });
        }
        drop(state);
        unheld.into_iter().for_each(Unheld::settle);
    }

    /// The server with this outbox has ended: every call fails.
    pub(crate) fn ended(&self, outbox: &Arc<Outbox>, cause: &Cause) {
        let mut state = self.lock();
        let held = match &mut state.phase {
            Phase::Greeting { server, held } if Arc::ptr_eq(&server.outbox, outbox) => {
                mem::take(held)
            }
            Phase::Open(server) if Arc::ptr_eq(&server.outbox, outbox) => Held::default(),
            // It was dropped before, and may have a successor.
            _ => return,
        };
        state.phase = Phase::Ended(cause.clone());
        let exchanges = state.exchanges.take();
        drop(state);
        let error = cause.error();
        for reply in calls(exchanges).chain(held.into_replies()) {
            reply.error(&error);
        }
    }
}

impl State {
    /// Queues a client's message, and returns the call that it cancels; returns the message if the
    /// server is too far behind.
    #[expect(
        clippy::result_large_err,
        reason = "it is moved on at once; boxing it would cost more"
    )]
    fn push(
        &mut self,
        outbox: &Outbox,
        message: Message,
        reply: Option<Reply>,
    ) -> Result<Option<Reply>, (Message, Option<Reply>)> {
        if matches!(message.kind(), Kind::Result | Kind::Error) {
            self.exchanges.ask(false);
        }
        let mut gone = None;
        let mut buffer = itoa::Buffer::new();
        let edit = match (message.kind(), &reply) {
            (Kind::Request, Some(_)) => {
                message.id_span().map(|span| (span, self.exchanges.next_id()))
            }
            _ if is_cancellation(&message) => {
                let Some((span, id)) = self.named(&message) else { return Ok(None) };
                gone = Some(id);
                Some((span, id))
            }
            _ => None,
        };
        let edit = edit.map(|(span, id)| Edit { span, with: buffer.format(id).as_bytes() });
        let edits = edit.as_slice();
        let line = Assembly { before: b"", source: message.bytes(), edits, behind: b"\n" };
        match outbox.push(&line) {
            Pushed::Full => return Err((message, reply)),
            // The server's end is about to be reported, and fails the call.
            Pushed::Queued | Pushed::Closed => {}
        }
        if let Some(reply) = reply {
            if self.memory.note(&message) {
                self.opening = Some(Opening::new(self.exchanges.next_id()));
            }
            self.exchanges.insert(Purpose::Call {
                member: CLIENT,
                reply,
                list: None,
                leg: Leg::Plain,
            });
        }
        let cancelled = gone.and_then(|id| self.exchanges.remove(id));
        Ok(cancelled.and_then(|exchange| calls([exchange]).next()))
    }

    /// The call that a cancellation names: its exchange, and the id to pass on.
    fn named(&self, notification: &Message) -> Option<(Span, u64)> {
        let span = notification.cancelled_id()?;
        Some((span, self.exchanges.find(CLIENT, notification.text(span))?))
    }

    /// Begins a handshake on the client's behalf.
    fn greet(&mut self, server: Launched) -> Phase {
        let Some(greeting) = self.memory.greeting() else { return Phase::Open(server) };
        self.opening = Some(Opening::new(self.exchanges.next_id()));
        self.push_own(&server.outbox, &greeting, Purpose::Greeting);
        Phase::Greeting { server, held: Held::default() }
    }

    /// Queues a request whose answer is not for the client.
    fn push_own(&mut self, outbox: &Outbox, request: &Message, purpose: Purpose) {
        self.queue(outbox, request);
        self.exchanges.insert(purpose);
    }
}

/// Queues one of the proxy's own messages.
pub(super) fn push_line(outbox: &Outbox, message: &Bytes) {
    traffic!("->", message);
    outbox.push_anyway(&Assembly { before: b"", source: message, edits: &[], behind: b"\n" });
}
