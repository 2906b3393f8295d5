//! One upstream connection for many clients.
//!
//! Ids and progress tokens are replaced by the proxy's own and restored on the way back;
//! subscriptions are counted, log levels kept per client. The proxy told the upstream that its
//! client has no capabilities, so it should ask nothing. If it does, the request is refused,
//! because nothing in it says which client it concerns.

use std::{
    sync::{
        Arc, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use super::{
    Limits, Listener, Sink, Volume,
    crossing::Crossings,
    exchange::{Ids, Leg, MemberId, Purpose},
    link::Link,
    owed::Owed,
    sink::deliver_message,
    state::State,
};
use crate::{
    era::{
        Era,
        modern_server::task_created,
        modern_to_legacy::{Greeting, tool_task},
    },
    jsonrpc::{Code, ErrorBody, Kind, Message, own_number},
    protocol::{Method, Notification},
    runtime::lock::{Mutex, MutexGuard},
    telemetry::traffic,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Shared {
    me: Weak<Self>,
    limits: Limits,
    restart_wait: Duration,
    pub(super) busy: Notify,
    /// The state of the link has changed.
    pub(super) changed: Notify,
    crossings: Arc<Crossings>,
    /// What the upstream last said about itself.
    greeting: Mutex<Option<Greeting>>,
    volume: Arc<Volume>,
    /// Something is due at another time.
    pub(super) due: Notify,
    /// Whether the server speaks 2026-07-28; checked again under the lock before sending.
    modern: AtomicBool,
    next_question: AtomicU64,
    state: Mutex<State>,
}

impl Shared {
    /// Shares an upstream that will start later; its requests get these ids.
    ///
    /// Calls that exceed `limits` are cancelled and fail; calls that arrive while the upstream is
    /// away wait at most `restart_wait`.
    pub(crate) fn new(ids: Ids, limits: Limits, restart_wait: Duration) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            limits,
            restart_wait,
            busy: Notify::new(),
            changed: Notify::new(),
            crossings: Arc::default(),
            greeting: Mutex::default(),
            volume: Arc::default(),
            due: Notify::new(),
            modern: AtomicBool::new(false),
            next_question: AtomicU64::new(0),
            state: Mutex::new(State::new(ids)),
        })
    }

    /// Counts the bytes that cross to and from the upstream.
    pub(crate) fn volume(&self) -> &Arc<Volume> {
        &self.volume
    }

    pub(super) fn strong(&self) -> Option<Arc<Self>> {
        self.me.upgrade()
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn restart_wait(&self) -> Duration {
        self.restart_wait
    }

    /// The server's name and version, for people.
    pub(crate) fn server_name(&self) -> Option<String> {
        match &self.lock().link {
            Link::Up { initialize, .. } => initialize.server_name(),
            _ => None,
        }
    }

    pub(super) fn crossings(&self) -> &Arc<Crossings> {
        &self.crossings
    }

    /// What the upstream said about itself in its last handshake.
    pub(super) fn greeting(&self) -> Option<Greeting> {
        self.greeting.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn greeted(&self, greeting: Greeting) {
        *self.greeting.lock().unwrap_or_else(PoisonError::into_inner) = Some(greeting);
    }

    /// Nobody waits for this task of a client's call any more.
    pub(super) fn end_task(&self, id: &str) {
        self.lock().end_task(id);
    }

    /// The locked state, without notes.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the server speaks the newer era.
    pub(super) fn is_modern(&self) -> bool {
        self.modern.load(Ordering::Relaxed)
    }

    pub(super) fn speak(&self, era: Era) {
        self.modern.store(era == Era::Modern, Ordering::Relaxed);
    }

    pub(super) fn next_question(&self) -> u64 {
        self.next_question.fetch_add(1, Ordering::Relaxed)
    }

    /// Adds a client.
    pub(super) fn enter(&self, unsolicited: Option<Arc<dyn Sink>>) -> MemberId {
        let mut state = self.lock();
        let listens = unsolicited.is_some();
        let id = state.admit(unsolicited);
        if listens && self.is_modern() {
            state.attend();
            self.watch(&mut state);
        }
        id
    }

    fn receive_response(&self, response: &Message) {
        let mut state = self.lock();
        let found = state
            .exchanges
            .answered_by(response)
            .and_then(|id| Some((id, state.exchanges.remove(id)?)));
        let Some((id, exchange)) = found else {
            tracing::debug!("the server answered a request that is not under way");
            // Its client has disconnected, and knows of no task.
            if let Some(task) = tool_task::id_of(response).or_else(|| task_created(response)) {
                state.end_task(&task);
            }
            return;
        };
        match exchange.purpose {
            Purpose::Call { member, reply, list, leg } => {
                state.ended(member);
                if let Some(list) = list {
                    state.lists.learn(list, response);
                }
                if matches!(leg, Leg::Task) && tool_task::id_of(response).is_some() {
                    state.tasks.began(id, member, &reply);
                }
                match state.at_once() {
                    Ok(_performer) => leg.answer(self, member, reply, response),
                    Err(mut state) => {
                        let response = response.clone();
                        state.owe(Owed::Answer { leg, member, reply, response });
                    }
                }
            }
            Purpose::Listen => {
                traffic!("<-", response.bytes());
                self.stream_answered(state, id, response);
            }
            Purpose::Subscription { uri } => {
                traffic!("<-", response.bytes());
                for reply in state.answered(uri, response.kind() == Kind::Result) {
                    state.owe(Owed::Response(reply, response.clone()));
                }
            }
            Purpose::Relist(list) => state.relisted(list, response),
            // If the receiver was dropped, nobody waits any more.
            Purpose::Ping(answered) => drop(answered.send(())),
            Purpose::Greeting | Purpose::Housekeeping => traffic!("<-", response.bytes()),
        }
    }

    /// Takes the refusal of a request by a server of another era.
    pub(crate) fn refused(&self, refusal: &Message) {
        let id = refusal.id().and_then(own_number);
        let mut state = self.lock();
        match id.and_then(|id| state.exchanges.give_up(id)) {
            None => {
                drop(state);
                self.receive_response(refusal);
            }
            Some((member, reply, leg)) => {
                state.ended(member);
                let refusal = refusal.clone();
                state.owe(Owed::Refusal { leg, member, reply, refusal });
            }
        }
    }

    /// `on` is the request on whose stream it came, if each has its own.
    pub(super) fn receive_notification(&self, notification: &Message, on: Option<u64>) {
        let mut state = self.lock();
        let kind = Notification::of_bytes(&notification.method_bytes());
        if kind == Notification::Progress {
            let token = notification.reported_token().map(|span| notification.text(span));
            let id = token.and_then(own_number);
            let Some(id) = id else { return };
            let about = match state.exchanges.progressed(id, notification) {
                Some(reply) => reply.progress_of(notification),
                None => state.progress_of_task(id, notification),
            };
            if let Some(about) = about {
                state.owe(Owed::About(about));
            }
            return;
        }
        traffic!("<-", notification.bytes());
        if self.is_modern() {
            return self.receive_modern(state, notification, on);
        }
        let audience = state.audience(kind, notification);
        if audience.is_empty() {
            return;
        }
        match state.at_once() {
            Ok(_performer) => deliver_message(&audience, notification),
            Err(mut state) => state.owe(Owed::Notification(audience, notification.clone())),
        }
    }

    fn refuse(&self, request: &Message) {
        traffic!("<-", request.bytes());
        let (Some(id), method) = (request.id(), request.method()) else { return };
        if self.is_modern() {
            // Servers of that era send no requests, and must not be answered.
            tracing::warn!("the MCP server sent a request ({method}), which is dropped");
            return;
        }
        let answer = if Method::of(&method) == Method::Ping {
            [br#"{"jsonrpc":"2.0","id":"#, id, br#","result":{}}"#].concat().into()
        } else {
            let message = format!(
                "{method} is refused: this server is shared by all clients of the proxy, so it is \
                 unknown which client to ask. Run mcp-proxy with --isolation session to give each client \
                 its own server"
            );
            ErrorBody::new(Code::MethodNotFound, message).response(id)
        };
        self.lock().send_line(&answer);
    }
}

impl Listener for Shared {
    fn receive(&self, message: &Message) {
        match message.kind() {
            Kind::Result | Kind::Error => self.receive_response(message),
            Kind::Notification => self.receive_notification(message, None),
            Kind::Request => self.refuse(message),
        }
    }
}
