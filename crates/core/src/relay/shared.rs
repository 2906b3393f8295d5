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

use futures_util::future::BoxFuture;
use tokio::sync::Notify;

use super::{
    Backend, Client, Connection, Limits, Listener, OpenError, Readiness, Servers, Sink, Unready,
    Volume,
    crossing::{Crossings, open_member},
    exchange::{Exchange, Exchanges, Ids, MemberId, Purpose},
    fan_out::deliver_message,
    ids::ById,
    link::Link,
    lists::Lists,
    member::Member,
    modern::Bridge,
    owed::{Debts, Locked, Owed},
    subscription::{Effect, Subscriptions},
    waiting::Waiting,
};
use crate::{
    era::{Era, modern_server::Envelope, modern_to_legacy::Greeting},
    jsonrpc::{Assembly, Code, ErrorBody, Kind, Message, escape, own_number},
    protocol::{LogLevel, Method, Notification},
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

/// Everything that one message can change, behind one short lock.
#[derive(Debug)]
pub(super) struct State {
    pub(super) link: Link,
    pub(super) exchanges: Exchanges,
    pub(super) members: ById<Attached>,
    pub(super) subscriptions: Subscriptions<super::Reply>,
    /// Calls that cannot be sent for the moment.
    pub(super) waiting: Waiting,
    /// The most verbose level asked of the upstream so far.
    pub(super) level: LogLevel,
    /// What clients have seen of the upstream's lists.
    pub(super) lists: Lists,
    /// How often the upstream was restarted.
    pub(super) restarts: u32,
    pub(super) sweeping: bool,
    pub(super) bridge: Bridge,
    pub(super) debts: Debts,
    next_member: MemberId,
}

/// When to ask again for a server that is starting.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The log level that is assumed of a server without a setting.
pub(super) const INITIAL_LEVEL: LogLevel = LogLevel::Info;

/// What the upstream knows of one client.
pub(super) struct Attached {
    pub(super) unsolicited: Option<Arc<dyn Sink>>,
    pub(super) level: Option<LogLevel>,
    pub(super) in_flight: usize,
    /// Represents the client at a 2026-07-28 server.
    pub(super) envelope: Option<Arc<Envelope>>,
}

impl Attached {
    fn new(unsolicited: Option<Arc<dyn Sink>>) -> Self {
        Self { unsolicited, level: None, in_flight: 0, envelope: None }
    }
}

impl std::fmt::Debug for Attached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attached").field("level", &self.level).finish_non_exhaustive()
    }
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
            state: Mutex::new(State {
                link: Link::Away { cause: None, attempt: 0 },
                exchanges: Exchanges::with(ids),
                members: ById::default(),
                subscriptions: Subscriptions::default(),
                waiting: Waiting::default(),
                level: INITIAL_LEVEL,
                lists: Lists::default(),
                restarts: 0,
                sweeping: false,
                bridge: Bridge::default(),
                debts: Debts::default(),
                next_member: 0,
            }),
        })
    }

    /// Counts the bytes that cross to and from the upstream.
    pub(crate) fn volume(&self) -> &Arc<Volume> {
        &self.volume
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
        let mut state = self.lock();
        if matches!(state.link, Link::Up { .. }) {
            let params = format!("\"taskId\":{}", escape(id));
            state.request("tasks/cancel", &params, Purpose::Housekeeping);
        }
    }

    /// The locked state; its notes are carried out when it is dropped.
    pub(super) fn lock(&self) -> Locked<'_> {
        Locked::new(self)
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
    fn enter(&self, unsolicited: Option<Arc<dyn Sink>>) -> MemberId {
        let mut state = self.lock();
        let id = state.next_member;
        state.next_member += 1;
        let listens = unsolicited.is_some();
        state.members.insert(id, Attached::new(unsolicited));
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
            return;
        };
        match exchange.purpose {
            Purpose::Call { member, reply, list, leg } => {
                state.ended(member);
                if let Some(list) = list {
                    state.lists.learn(list, response);
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
            let reply = id.and_then(|id| state.exchanges.progressed(id, notification));
            if let Some(owed) = reply.and_then(|reply| reply.progress_of(notification)) {
                state.owe(owed);
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

impl Readiness for Shared {
    fn unready(&self) -> Option<Unready> {
        let (state, cause) = match &self.lock().link {
            Link::Up { .. } => return None,
            Link::Away { cause: None, .. } => ("starting", None),
            Link::Away { cause: Some(cause), .. } => ("restarting", Some(cause.message.clone())),
            Link::Down(cause) => ("stopped", Some(cause.message.clone())),
        };
        let reason = cause.unwrap_or_else(|| "the MCP server is being started".to_owned());
        let retry_after = (state != "stopped").then_some(RETRY_AFTER);
        Some(Unready { state, reason, retry_after })
    }

    fn servers(&self) -> Servers {
        let (written_bytes, read_bytes) = self.volume.so_far();
        let state = self.lock();
        let restarts = u64::from(state.restarts);
        let servers = Servers { restarts, written_bytes, read_bytes, ..Servers::default() };
        match &state.link {
            Link::Up { outbox, pid, .. } => Servers {
                pids: pid.iter().copied().collect(),
                queued_bytes: outbox.queued_bytes(),
                ..servers
            },
            _ => servers,
        }
    }
}

impl Backend for Shared {
    fn open(&self, client: Client) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>> {
        let Client { era, principal, unsolicited, .. } = client;
        let state = self.lock();
        if matches!(state.link, Link::Away { cause: None, .. }) {
            drop(state);
            let error = ErrorBody::new(Code::Unavailable, "the MCP server is starting");
            return Box::pin(async { Err(error.into()) });
        }
        drop(state);
        let Some(shared) = self.me.upgrade() else {
            let error = ErrorBody::new(Code::Internal, "the proxy is shutting down");
            return Box::pin(async { Err(error.into()) });
        };
        Box::pin(async move {
            let patience = shared.limits.silence;
            let id = shared.enter(unsolicited);
            Ok(match era {
                // The server speaks the client's era.
                Era::Modern if !shared.is_modern() => {
                    open_member(Member::new(id, Era::Legacy, shared), principal, patience)
                }
                era => Arc::new(Member::new(id, era, shared).acting_for(principal)),
            })
        })
    }

    fn end_subscriptions(&self) {
        self.crossings.end_subscriptions();
    }
}

impl State {
    /// Notes what to do for clients once the state is unlocked.
    pub(super) fn owe(&mut self, owed: Owed) {
        self.debts.push(owed);
    }

    /// A client's call begins; `false` if the client has disconnected.
    pub(super) fn begun(&mut self, member: MemberId) -> bool {
        let Some(attached) = self.members.get_mut(&member) else { return false };
        attached.in_flight += 1;
        true
    }

    /// A client's call has ended.
    pub(super) fn ended(&mut self, member: MemberId) {
        if let Some(attached) = self.members.get_mut(&member) {
            attached.in_flight = attached.in_flight.saturating_sub(1);
        }
    }

    /// Sends one of the proxy's own messages.
    pub(super) fn send_line(&self, message: &bytes::Bytes) {
        if let Link::Up { outbox, .. } = &self.link {
            traffic!("->", message);
            outbox.push_anyway(&Assembly {
                before: b"",
                source: message,
                edits: &[],
                behind: b"\n",
            });
        }
    }

    /// Tells the upstream that nobody waits for this call any more.
    pub(super) fn cancel(&self, id: u64, reason: &str) {
        let message = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":{}}}}}"#,
            escape(reason)
        );
        self.send_line(&message.into());
    }

    /// Sends one of the proxy's own requests; `params` are its members, without metadata.
    pub(super) fn request(&mut self, method: &str, params: &str, purpose: Purpose) {
        let id = self.exchanges.next_id();
        let metadata = match &self.link {
            Link::Up { initialize, .. } if initialize.era() == Era::Modern => {
                let comma = if params.is_empty() { "" } else { "," };
                format!("{comma}\"_meta\":{{{}}}", self.bridge.own_metadata())
            }
            _ => String::new(),
        };
        let message = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{params}{metadata}}}}}"#
        );
        self.exchanges.insert(purpose);
        self.send_line(&message.into());
    }

    /// Carries out what subscriptions require.
    pub(super) fn apply(&mut self, effect: Effect<super::Reply>, uri: String) {
        if matches!(&self.link, Link::Up { initialize, .. } if initialize.era() == Era::Modern) {
            return self.carry(effect, &uri);
        }
        let method = match effect {
            Effect::Subscribe => "resources/subscribe",
            Effect::Unsubscribe => "resources/unsubscribe",
            Effect::Fulfilled(reply) => return self.owe(Owed::Done(reply)),
        };
        let params = format!("\"uri\":{}", escape(&uri));
        self.request(method, &params, Purpose::Subscription { uri });
    }

    /// The upstream has granted or refused a resource. Returns who waited for that; the next step
    /// is carried out.
    pub(super) fn answered(&mut self, uri: String, accepted: bool) -> Vec<super::Reply> {
        let (waiting, next) = self.subscriptions.answered(&uri, accepted);
        if let Some(effect) = next {
            self.apply(effect, uri);
        }
        waiting
    }

    /// Whether this client is still connected. Nothing is started for others.
    pub(super) fn is_open(&self, member: MemberId) -> bool {
        self.members.contains_key(&member)
    }

    /// Removes the exchanges of a disconnected client.
    pub(super) fn abandon(&mut self, member: MemberId) -> Vec<(u64, Exchange)> {
        self.exchanges.remove_member(member)
    }
}
