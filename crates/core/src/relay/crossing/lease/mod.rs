//! A legacy server that serves one modern call at a time.
//!
//! The proxy is its client. It makes the handshake with the capabilities of the modern client.
//! Everything that the server sends belongs to its current call.

mod service;

use std::{
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use futures_util::future::BoxFuture;
use tokio::sync::Notify;

use super::{
    key::Key,
    origin::{Origin, Served},
};
use crate::{
    era::{
        input_required::Question,
        modern_to_legacy::{Greeting, handshake},
    },
    host::Caller,
    identity::Identity,
    jsonrpc::{Code, ErrorBody, Kind, Message},
    protocol::{INITIALIZED, Method, Notification},
    relay::{Answer, Connection, Departure, Outgoing, Reader, Reply, Sink, reply_to},
};

/// Takes leases back.
pub(super) trait Lessor: Send + Sync {
    /// The lease's call is over.
    fn give_back(&self, key: &Key, lease: &Lease);

    /// Passes a notification on to the subscriptions of a principal.
    fn publish(&self, principal: &Identity, message: &Message);
}

/// See the module.
pub(super) struct Lease {
    pub(super) key: Key,
    server: Arc<dyn Connection>,
    /// Takes it back after its call. Without one, it ends with its call.
    leases: Weak<dyn Lessor>,
    ready: Notify,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    call: Option<Weak<dyn Served>>,
    /// Gets the messages that belong to no call, instead of everybody who has leases.
    listener: Option<Weak<dyn Sink>>,
    /// The id under which the server knows the call.
    id: Vec<u8>,
}

enum Phase {
    /// Requests wait until the handshake is answered.
    Greeting(Vec<Pending>),
    Open(Greeting),
    /// The handshake failed; the answer of the server, or of the proxy on its behalf.
    Failed(Option<Message>),
}

enum Pending {
    Request(Message, Reply),
    Discover(Reply),
    /// The log level of the first call, for a server that logs.
    Level(Message),
}

/// Answers a request with the answer to a failed handshake.
pub(super) fn fail(reply: Reply, response: Option<&Message>) {
    match response {
        Some(response) => reply.response(response),
        None => reply.error(&ErrorBody::new(Code::Internal, "the MCP server is being stopped")),
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Lease {
    /// Starts using a server, with the handshake; `server` gets the sink for its standalone
    /// messages.
    pub(super) fn open(
        key: Key,
        leases: Weak<dyn Lessor>,
        server: impl FnOnce(Arc<dyn Sink>) -> Arc<dyn Connection>,
    ) -> Arc<Self> {
        let lease = Arc::new_cyclic(|me: &Weak<Self>| Self {
            key,
            server: server(Arc::new(Unasked(Weak::clone(me)))),
            leases,
            ready: Notify::new(),
            state: Mutex::new(State {
                phase: Phase::Greeting(Vec::new()),
                call: None,
                listener: None,
                id: Vec::new(),
            }),
        });
        if let Some(greeting) = handshake(lease.key.capabilities(), &lease.key.client()) {
            let greeted = Arc::downgrade(&lease);
            let reply = reply_to(&greeting, move |answer| {
                if let Some(lease) = greeted.upgrade() {
                    lease.shaken(answer);
                }
            });
            lease.pass(greeting, Some(reply));
        }
        lease
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends messages that cannot wait: the first ones to a server, and answers to it, of which
    /// there are few.
    fn pass(&self, message: Message, reply: Option<Reply>) {
        if let Some(sending) = self.server.send(message, reply, None) {
            tokio::spawn(sending);
        }
    }

    /// Whether another call can use it.
    pub(super) fn is_usable(&self) -> bool {
        !self.server.is_over() && !matches!(self.lock().phase, Phase::Failed(_))
    }

    /// Waits for the answer to the handshake; returns the error if it failed.
    pub(super) async fn greeted(&self) -> Result<Greeting, Option<Message>> {
        loop {
            let ready = self.ready.notified();
            tokio::pin!(ready);
            ready.as_mut().enable();
            match &self.lock().phase {
                Phase::Open(greeting) => return Ok(greeting.clone()),
                Phase::Failed(response) => return Err(response.clone()),
                Phase::Greeting(_) => {}
            }
            ready.await;
        }
    }

    /// Sets where messages that belong to no call are sent.
    pub(super) fn heard_by(&self, sink: &Arc<dyn Sink>) {
        self.lock().listener = Some(Arc::downgrade(sink));
    }

    fn listener(&self) -> Option<Arc<dyn Sink>> {
        self.lock().listener.as_ref().and_then(Weak::upgrade)
    }

    /// Ends the server.
    pub(super) fn end(&self) {
        self.server.close();
    }

    /// The connection, until the server has ended.
    pub(super) fn server(&self) -> Weak<dyn Connection> {
        Arc::downgrade(&self.server)
    }

    fn shaken(&self, answer: Answer) {
        let response = match answer {
            Answer::Result(response) | Answer::Error(response) => Some(response),
            Answer::None => None,
        };
        let greeting = response.as_ref().and_then(Greeting::of);
        let mut state = self.lock();
        let phase = greeting.clone().map_or_else(|| Phase::Failed(response.clone()), Phase::Open);
        let before = mem::replace(&mut state.phase, phase);
        drop(state);
        self.ready.notify_waiters();
        let Phase::Greeting(waiting) = before else { return };
        let Some(greeting) = greeting else {
            for pending in waiting {
                self.refuse(pending, response.as_ref());
            }
            return;
        };
        if let Ok(initialized) = Message::parse(INITIALIZED.into()) {
            self.pass(initialized, None);
        }
        for pending in waiting {
            self.begin(pending, &greeting);
        }
    }

    /// Sends what has waited for the handshake.
    fn begin(&self, pending: Pending, greeting: &Greeting) {
        match pending {
            Pending::Request(message, reply) => self.pass(message, Some(reply)),
            Pending::Discover(reply) => {
                reply.result(&greeting.discovery());
                self.finished();
            }
            Pending::Level(message) => self.tell_level(message, greeting),
        }
    }

    /// Fails what has waited for a failed handshake.
    fn refuse(&self, pending: Pending, response: Option<&Message>) {
        match pending {
            Pending::Request(_, reply) => fail(reply, response),
            Pending::Discover(reply) => {
                fail(reply, response);
                self.finished();
            }
            Pending::Level(_) => {}
        }
    }

    fn tell_level(&self, message: Message, greeting: &Greeting) {
        if greeting.has_logging() {
            let nobody = reply_to(&message, drop);
            self.pass(message, Some(nobody));
        }
    }

    /// The server sends something that is not an answer.
    fn receive(&self, message: &Message) {
        let call = self.lock().call.as_ref().and_then(Weak::upgrade);
        match message.kind() {
            Kind::Request => self.question(message, call),
            Kind::Notification => match (Notification::of(&message.method()), call) {
                (Notification::Cancelled, Some(call)) => {
                    if let Some(span) = message.cancelled_id() {
                        call.withdrawn(message.text(span));
                    }
                }
                (Notification::Message | Notification::Progress, Some(call)) => {
                    call.notified(message);
                }
                _ => self.publish(message),
            },
            Kind::Result | Kind::Error => {}
        }
    }

    fn publish(&self, message: &Message) {
        if let Some(listener) = self.listener() {
            return listener.write(Outgoing::of(message, &[], false));
        }
        if let Some(leases) = self.leases.upgrade() {
            leases.publish(&self.key.principal, message);
        }
    }

    fn question(&self, request: &Message, call: Option<Arc<dyn Served>>) {
        let Some(id) = request.id() else { return };
        let answer = if Method::of(&request.method()) == Method::Ping {
            [br#"{"jsonrpc":"2.0","id":"#, id, br#","result":{}}"#].concat().into()
        } else {
            if let (Some(question), Some(call)) = (Question::of(request), call) {
                return call.asked(question);
            }
            let text = format!("{} cannot be asked now", request.method());
            ErrorBody::new(Code::MethodNotFound, text).response(id)
        };
        if let Ok(answer) = Message::parse(answer) {
            self.pass(answer, None);
        }
    }
}

impl Connection for Lease {
    fn send(
        &self,
        message: Message,
        reply: Option<Reply>,
        _: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        self.server.send(message, reply, None)
    }

    fn depart(&self, _: Departure) {
        self.end();
    }
}

/// Messages of a server that do not answer a call.
struct Unasked(Weak<Lease>);

impl Sink for Unasked {
    fn write(&self, outgoing: Outgoing<'_>) {
        if let (Some(lease), Some(message)) = (self.0.upgrade(), outgoing.message()) {
            lease.receive(&message);
        }
    }

    /// No more messages will come.
    fn forget(&self) {
        if let Some(listener) = self.0.upgrade().and_then(|lease| lease.listener()) {
            listener.forget();
        }
    }

    fn reader(&self) -> Option<&dyn Reader> {
        Some(self)
    }
}

impl Reader for Unasked {
    fn is_heard(&self) -> bool {
        true
    }
}
