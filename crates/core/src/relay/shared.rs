//! One upstream connection for many clients.
//!
//! Ids and progress tokens are replaced by the proxy's own and restored on the way back;
//! subscriptions are counted, log levels kept per client. The upstream was told that its client
//! has no capabilities, so it has nothing to ask; whatever it asks all the same is refused,
//! because nothing on the wire says which client it concerns.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::sync::Notify;

use super::{
    Backend, Cause, Connection, InitializeResult, Outbox, Sink,
    exchange::{Exchange, Exchanges, MemberId, Purpose},
    fan_out::deliver,
    member::Member,
    subscription::{Effect, Subscriptions},
};
use crate::{
    jsonrpc::{Assembly, Code, ErrorBody, Kind, Message, escape},
    protocol::{LogLevel, Method, Notification},
    telemetry::traffic,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Shared {
    me: Weak<Self>,
    request_timeout: Option<Duration>,
    busy: Notify,
    state: Mutex<State>,
}

/// Everything that one message can change, behind one short lock.
#[derive(Debug)]
pub(super) struct State {
    pub(super) link: Link,
    pub(super) exchanges: Exchanges,
    pub(super) members: HashMap<MemberId, Attached>,
    pub(super) subscriptions: Subscriptions<super::Reply>,
    /// The most verbose level asked of the upstream so far.
    pub(super) level: LogLevel,
    next_member: MemberId,
    sweeping: bool,
}

/// The way to the upstream.
#[derive(Debug)]
pub(super) enum Link {
    Up { outbox: Arc<Outbox>, initialize: InitializeResult },
    Down(Cause),
}

/// What the upstream knows of one client.
pub(super) struct Attached {
    pub(super) unsolicited: Option<Arc<dyn Sink>>,
    pub(super) level: Option<LogLevel>,
    pub(super) in_flight: usize,
}

impl std::fmt::Debug for Attached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attached").field("level", &self.level).finish_non_exhaustive()
    }
}

impl Shared {
    /// Shares an upstream that has been initialized; `next_id` is the first free request id.
    ///
    /// Calls that show no sign of life for `request_timeout` are cancelled and fail.
    pub(crate) fn new(
        outbox: Arc<Outbox>,
        initialize: InitializeResult,
        next_id: u64,
        request_timeout: Option<Duration>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            request_timeout,
            busy: Notify::new(),
            state: Mutex::new(State {
                link: Link::Up { outbox, initialize },
                exchanges: Exchanges::starting_at(next_id),
                members: HashMap::new(),
                subscriptions: Subscriptions::default(),
                level: LogLevel::Info,
                next_member: 0,
                sweeping: false,
            }),
        })
    }

    /// The server's name and version, for people.
    pub(crate) fn server_name(&self) -> Option<String> {
        match &self.lock().link {
            Link::Up { initialize, .. } => initialize.server_name(),
            Link::Down(_) => None,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure that the time of running exchanges is watched.
    pub(super) fn watch(&self, state: &mut State) {
        if self.request_timeout.is_some() && !state.sweeping {
            state.sweeping = true;
            self.busy.notify_one();
        }
    }

    /// A message from the upstream.
    pub(crate) fn receive(&self, message: &Message) {
        traffic!("<-", message.bytes());
        match message.kind() {
            Kind::Result | Kind::Error => self.receive_response(message),
            Kind::Notification => self.receive_notification(message),
            Kind::Request => self.refuse(message),
        }
    }

    fn receive_response(&self, response: &Message) {
        let id = response.id().and_then(|id| std::str::from_utf8(id).ok()?.parse().ok());
        let mut state = self.lock();
        let Some(exchange) = id.and_then(|id| state.exchanges.remove(id)) else {
            tracing::debug!("the server answered a request that is not under way");
            return;
        };
        match exchange.purpose {
            Purpose::Call { member, reply } => {
                state.ended(member);
                drop(state);
                reply.response(response);
            }
            Purpose::Subscription { uri } => {
                let accepted = response.kind() == Kind::Result;
                let (waiting, next) = state.subscriptions.answered(&uri, accepted);
                if let Some(effect) = next {
                    state.apply(effect, uri);
                }
                drop(state);
                for reply in waiting {
                    reply.response(response);
                }
            }
            Purpose::Housekeeping => {}
        }
    }

    fn receive_notification(&self, notification: &Message) {
        let mut state = self.lock();
        if Notification::of(&notification.method()) == Notification::Progress {
            let token = notification.reported_token().map(|span| notification.text(span));
            let id = token.and_then(|token| std::str::from_utf8(token).ok()?.parse().ok());
            if let Some(reply) = id.and_then(|id| state.exchanges.touch(id)) {
                reply.progress(notification);
            }
            return;
        }
        let audience = state.audience(notification);
        drop(state);
        deliver(&audience, notification.bytes());
    }

    fn refuse(&self, request: &Message) {
        let (Some(id), method) = (request.id(), request.method()) else { return };
        let answer = if Method::of(&method) == Method::Ping {
            [br#"{"jsonrpc":"2.0","id":"#, id, br#","result":{}}"#].concat().into()
        } else {
            let message = format!(
                "{method} is refused: this server is shared by all clients of the proxy, so it is \
                 not known whom to ask. Run mcp-proxy with --isolation session to give each client \
                 its own server"
            );
            ErrorBody::new(Code::MethodNotFound, message).response(id)
        };
        self.lock().send_line(&answer);
    }

    /// The upstream is gone: every call fails now, and later ones say why.
    pub(crate) fn closed(&self, cause: &Cause) {
        let mut state = self.lock();
        state.link = Link::Down(cause.clone());
        let subscriptions = std::mem::take(&mut state.subscriptions);
        let exchanges = state.exchanges.take();
        for member in state.members.values_mut() {
            member.in_flight = 0;
        }
        drop(state);
        let error = cause.error();
        let calls = exchanges.into_iter().filter_map(|exchange| match exchange.purpose {
            Purpose::Call { reply, .. } => Some(reply),
            Purpose::Subscription { .. } | Purpose::Housekeeping => None,
        });
        for reply in calls.chain(subscriptions.into_waiting()) {
            reply.error(&error);
        }
    }

    /// Watches the time of the exchanges; ends with the task that runs it.
    pub(crate) async fn expire_calls(self: Arc<Self>) {
        let Some(timeout) = self.request_timeout else { return };
        let period = (timeout / 8).clamp(Duration::from_millis(5), Duration::from_secs(1));
        loop {
            self.busy.notified().await;
            while self.sweep(timeout) {
                tokio::time::sleep(period).await;
            }
        }
    }

    /// Fails what is overdue; `false` when nothing is left to watch.
    fn sweep(&self, timeout: Duration) -> bool {
        let mut state = self.lock();
        let overdue = state.exchanges.remove_silent(timeout);
        for (id, exchange) in &overdue {
            state.cancel(*id, "Request timed out");
            if let Purpose::Call { member, .. } = exchange.purpose {
                state.ended(member);
            }
        }
        let unanswered = overdue.iter().filter_map(|(_, exchange)| match &exchange.purpose {
            Purpose::Subscription { uri } => Some(uri),
            _ => None,
        });
        let mut waiting = Vec::new();
        for uri in unanswered {
            waiting.extend(state.subscriptions.answered(uri, false).0);
        }
        state.sweeping = !state.exchanges.is_empty();
        let sweeping = state.sweeping;
        drop(state);
        let mut error = ErrorBody::new(Code::Internal, "Request timed out");
        error.data = Some(format!("{{\"timeout\":{}}}", timeout.as_millis()));
        let calls = overdue.into_iter().filter_map(|(_, exchange)| match exchange.purpose {
            Purpose::Call { reply, .. } => Some(reply),
            _ => None,
        });
        for reply in calls.chain(waiting) {
            reply.error(&error);
        }
        sweeping
    }
}

impl Backend for Shared {
    fn open(
        &self,
        unsolicited: Option<Arc<dyn Sink>>,
    ) -> BoxFuture<'_, Result<Arc<dyn Connection>, ErrorBody>> {
        let mut state = self.lock();
        let id = state.next_member;
        state.next_member += 1;
        state.members.insert(id, Attached { unsolicited, level: None, in_flight: 0 });
        let shared = self.me.upgrade();
        drop(state);
        Box::pin(async move {
            let shared = shared.ok_or_else(|| ErrorBody::new(Code::Internal, "shutting down"))?;
            let connection: Arc<dyn Connection> = Arc::new(Member::new(id, shared));
            Ok(connection)
        })
    }
}

impl State {
    /// A call of this client is over.
    pub(super) fn ended(&mut self, member: MemberId) {
        if let Some(attached) = self.members.get_mut(&member) {
            attached.in_flight = attached.in_flight.saturating_sub(1);
        }
    }

    /// Sends a message of the proxy's own.
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

    /// Sends a request of the proxy's own.
    pub(super) fn request(&mut self, method: &str, params: &str, purpose: Purpose) {
        let id = self.exchanges.next_id();
        let message =
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#);
        self.exchanges.insert(purpose);
        self.send_line(&message.into());
    }

    /// Does what the subscriptions ask for.
    pub(super) fn apply(&mut self, effect: Effect<super::Reply>, uri: String) {
        let method = match effect {
            Effect::Subscribe => "resources/subscribe",
            Effect::Unsubscribe => "resources/unsubscribe",
            Effect::Fulfilled(reply) => return reply.result(b"{}"),
        };
        let params = format!("{{\"uri\":{}}}", escape(&uri));
        self.request(method, &params, Purpose::Subscription { uri });
    }

    /// Removes the exchanges of a client that has gone.
    pub(super) fn abandon(&mut self, member: MemberId) -> Vec<(u64, Exchange)> {
        self.exchanges.remove_member(member)
    }
}
