//! Requests under way to an upstream, by the id the proxy gave them.

use std::{mem, sync::Arc, time::Duration};

use tokio::{sync::oneshot, time::Instant};

use super::{
    Reply, Sink,
    ids::{ById, Unguessable},
};
use crate::{
    era::modern_server::Call,
    identity::Identity,
    jsonrpc::{Code, Kind, Message, own_number},
    protocol::List,
};

/// One client's connection to the shared upstream.
pub(super) type MemberId = u64;

/// A request that the upstream has not answered.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) purpose: Purpose,
    started: Instant,
    last_sign: Instant,
    /// Whether the server has sent something since the time limits were last checked.
    heard: bool,
    /// Since when the server waits for its client; that time has a limit of its own.
    asked: Option<Instant>,
    /// Whether it has time limits.
    watched: bool,
    /// How many began before it.
    place: u64,
}

impl Exchange {
    /// The task that its call has become, if it has.
    pub(super) fn task(&self) -> Option<&str> {
        match &self.purpose {
            Purpose::Call { leg: Leg::Bridged(call), .. } => call.task(),
            _ => None,
        }
    }

    fn reply(&self) -> Option<&Reply> {
        match &self.purpose {
            Purpose::Call { reply, .. } => Some(reply),
            _ => None,
        }
    }
}

/// How long a client may take to answer a question during its call; people may be asked.
pub(super) const LONGEST_ANSWER: Duration = Duration::from_mins(10);

/// Time limits of an exchange.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    /// Longest time without an answer or a sign of life.
    pub(crate) silence: Option<Duration>,
    /// Longest time in total.
    pub(crate) total: Option<Duration>,
}

impl Limits {
    /// The limit that an exchange has exceeded, if any.
    fn exceeded_by(&self, exchange: &Exchange, now: Instant) -> Option<Duration> {
        if !exchange.watched {
            return None;
        }
        let Some(asked) = exchange.asked else {
            return self.passed(exchange.started, exchange.last_sign, now);
        };
        let unanswered = self.silence.is_some() && now.duration_since(asked) >= LONGEST_ANSWER;
        let total = self.passed(exchange.started, now, now);
        unanswered.then_some(LONGEST_ANSWER).or(total)
    }

    /// The limit that is exceeded for this start and this last sign of life, if any.
    pub(crate) fn passed(
        &self,
        started: Instant,
        last_sign: Instant,
        now: Instant,
    ) -> Option<Duration> {
        let past = |limit: &Duration, since| now.duration_since(since) >= *limit;
        let silence = self.silence.filter(|limit| past(limit, last_sign));
        silence.or_else(|| self.total.filter(|limit| past(limit, started)))
    }

    /// The shortest limit; `None` if nothing is limited.
    pub(crate) fn shortest(&self) -> Option<Duration> {
        self.silence.into_iter().chain(self.total).min()
    }
}

/// The purpose of a request.
#[derive(Debug)]
pub(super) enum Purpose {
    /// A client's call; the first page of a list is remembered.
    Call { member: MemberId, reply: Reply, list: Option<List>, leg: Leg },
    /// The proxy's own `resources/subscribe` or `resources/unsubscribe`.
    Subscription { uri: String },
    /// The proxy's own `subscriptions/listen`.
    Listen,
    /// The proxy's own check whether a list has changed.
    Relist(List),
    /// The proxy's own handshake.
    Greeting,
    /// The proxy's own ping.
    Ping(oneshot::Sender<()>),
    /// A request whose answer nobody waits for.
    Housekeeping,
}

/// How the answer to a client's call is treated.
#[derive(Debug)]
pub(super) enum Leg {
    /// Passed on: client and server speak the same era.
    Plain,
    /// It is translated for a client of the handshake era.
    Bridged(Box<Call>),
    /// It passes, and may say that the call has become a task of an older server.
    Task,
    /// It passes, and says what this principal's callers of the tools mirror in headers.
    Tools(Identity),
    /// It ends a stream that the client listens to.
    Listening,
}

/// How the ids of requests are chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ids {
    /// Ascending, from this one.
    #[cfg_attr(not(test), expect(dead_code, reason = "for tests"))]
    Ascending(u64),
    /// Random, so that no client can guess the id of another client's call from its own: if a
    /// server sees an id in a message where the proxy sees none, it must not match any call.
    Unguessable,
}

/// The table of exchanges. No two running ones have the same id.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    next: u64,
    /// Exchanges so far, including those that were skipped.
    begun: u64,
    /// Generates the ids, unless they ascend.
    numbers: Option<Unguessable>,
    table: ById<Exchange>,
}

impl Exchanges {
    /// An empty table.
    pub(super) fn with(ids: Ids) -> Self {
        match ids {
            Ids::Ascending(next) => Self { next, ..Self::default() },
            Ids::Unguessable => {
                let numbers = Some(Unguessable::default());
                let mut exchanges = Self { numbers, ..Self::default() };
                exchanges.draw();
                exchanges
            }
        }
    }

    /// Chooses the next id.
    fn draw(&mut self) {
        self.begun += 1;
        let table = &self.table;
        self.next = match &mut self.numbers {
            None => self.next + 1,
            Some(numbers) => numbers.draw(|number| table.contains_key(&number)),
        };
    }

    /// The id of the next exchange.
    pub(super) fn next_id(&self) -> u64 {
        self.next
    }

    pub(super) fn insert(&mut self, purpose: Purpose) {
        let now = Instant::now();
        // The sender of pings has a limit of its own.
        let watched = !matches!(purpose, Purpose::Ping(_));
        let exchange = Exchange {
            purpose,
            started: now,
            last_sign: now,
            heard: false,
            asked: None,
            watched,
            place: self.begun,
        };
        self.table.insert(self.next, exchange);
        self.draw();
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Exchange> {
        self.table.remove(&id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Whether there is nothing whose time is limited.
    pub(super) fn is_unlimited(&self) -> bool {
        self.table.values().all(|exchange| !exchange.watched)
    }

    /// Removes the time limits of an exchange that has become a stream.
    pub(super) fn unwatch(&mut self, id: u64) {
        if let Some(exchange) = self.table.get_mut(&id) {
            exchange.watched = false;
        }
    }

    /// Whether an exchange with this purpose is running.
    pub(super) fn is(&self, id: u64, such: impl FnOnce(&Purpose) -> bool) -> bool {
        self.table.get(&id).is_some_and(|exchange| such(&exchange.purpose))
    }

    /// The clients with running calls, each once.
    pub(super) fn in_flight(&self) -> impl Iterator<Item = (MemberId, &Reply)> {
        self.table.values().filter_map(|exchange| match &exchange.purpose {
            Purpose::Call { member, reply, .. } => Some((*member, reply)),
            _ => None,
        })
    }

    /// The reply of a running call, which has just shown a sign of life.
    pub(super) fn touch(&mut self, id: u64) -> Option<&Reply> {
        let exchange = self.table.get_mut(&id)?;
        exchange.heard = true;
        exchange.reply()
    }

    /// The reply of a running call whose client may be told of this progress.
    pub(super) fn progressed(&mut self, id: u64, notification: &Message) -> Option<&Reply> {
        let exchange = self.table.get_mut(&id)?;
        exchange.heard = true;
        if let Purpose::Call { leg: Leg::Bridged(call), .. } = &mut exchange.purpose
            && !call.advances(notification)
        {
            return None;
        }
        exchange.reply()
    }

    /// The reply of a call that has become a task, and may be told of this progress of its first request.
    pub(super) fn task_progressed(&mut self, first: u64, notification: &Message) -> Option<&Reply> {
        let of_task = |exchange: &&mut Exchange| match &exchange.purpose {
            Purpose::Call { leg: Leg::Bridged(call), .. } => call.began_as(first),
            _ => false,
        };
        let exchange = self.table.values_mut().find(of_task)?;
        if let Purpose::Call { leg: Leg::Bridged(call), .. } = &mut exchange.purpose
            && !call.advances(notification)
        {
            return None;
        }
        exchange.reply()
    }

    /// The server has begun, or ceased, to wait for its client.
    pub(super) fn ask(&mut self, asks: bool) {
        let now = Instant::now();
        for exchange in self.table.values_mut() {
            exchange.asked = asks.then_some(now);
            exchange.heard = true;
        }
    }

    /// The exchange to which a response belongs, if that can be told: an error without an id
    /// belongs to the only running exchange. A server may also report an unknown notification
    /// method so, which is not a failure of any call.
    pub(super) fn answered_by(&self, response: &Message) -> Option<u64> {
        let id = response.id().filter(|id| *id != b"null");
        if id.is_some() || response.kind() != Kind::Error {
            return id.and_then(own_number);
        }
        if response.error_code() == Some(Code::MethodNotFound.number().into()) {
            return None;
        }
        let mut under_way = self.table.keys();
        let first = under_way.next().copied();
        first.filter(|_| under_way.next().is_none())
    }

    /// Whose call it is.
    pub(super) fn member(&self, id: u64) -> Option<MemberId> {
        match &self.table.get(&id)?.purpose {
            Purpose::Call { member, .. } => Some(*member),
            _ => None,
        }
    }

    /// The sink of a call.
    pub(super) fn sink(&self, id: u64) -> Option<Arc<dyn Sink>> {
        self.table.get(&id).and_then(Exchange::reply).and_then(Reply::sink)
    }

    /// Removes a client's call, which gets no answer from this server.
    pub(super) fn give_up(&mut self, id: u64) -> Option<(MemberId, Reply, Leg)> {
        self.table.get(&id)?.reply()?;
        match self.remove(id)?.purpose {
            Purpose::Call { member, reply, leg, .. } => Some((member, reply, leg)),
            _ => None,
        }
    }

    /// The call with this progress token.
    pub(super) fn with_token(&self, token: &[u8]) -> Option<u64> {
        self.calls().find(|(_, reply)| reply.token() == Some(token)).map(|(id, _)| id)
    }

    /// The running call, if there is exactly one.
    pub(super) fn only(&self) -> Option<u64> {
        let mut calls = self.calls();
        let first = calls.next().map(|(id, _)| id);
        first.filter(|_| calls.next().is_none())
    }

    /// Whether a call will be answered on another sink than this one.
    pub(super) fn go_past(&self, sink: &Arc<dyn Sink>) -> bool {
        self.calls().any(|(_, reply)| reply.goes_past(sink))
    }

    /// The call that began last.
    pub(super) fn newest(&self) -> Option<u64> {
        let calls = self.table.iter().filter(|(_, exchange)| exchange.reply().is_some());
        calls.max_by_key(|(_, exchange)| exchange.place).map(|(id, _)| *id)
    }

    /// The clients with running calls; subscriptions do not count.
    pub(super) fn callers(&self) -> Callers {
        let mut members = self.table.values().filter_map(|exchange| match &exchange.purpose {
            Purpose::Call { leg: Leg::Listening, .. } => None,
            Purpose::Call { member, .. } => Some(*member),
            _ => None,
        });
        let Some(first) = members.next() else { return Callers::None };
        if members.all(|member| member == first) { Callers::One(first) } else { Callers::Several }
    }

    fn calls(&self) -> impl Iterator<Item = (u64, &Reply)> {
        self.table.iter().filter_map(|(id, exchange)| Some((*id, exchange.reply()?)))
    }

    /// The upstream's id for a client's call.
    pub(super) fn find(&self, client: MemberId, id: &[u8]) -> Option<u64> {
        let of_client = |exchange: &Exchange| {
            matches!(&exchange.purpose,
                Purpose::Call { member, reply, .. } if *member == client && reply.id() == id)
        };
        self.table.iter().find(|(_, exchange)| of_client(exchange)).map(|(id, _)| *id)
    }

    /// Removes all calls of a client.
    pub(super) fn remove_member(&mut self, client: MemberId) -> Vec<(u64, Exchange)> {
        self.remove_where(|exchange| {
            matches!(&exchange.purpose, Purpose::Call { member, .. } if *member == client)
        })
    }

    /// Removes the exchanges that have exceeded a limit; returns them with the limit.
    pub(super) fn remove_overdue(&mut self, limits: Limits) -> Vec<(u64, Exchange, Duration)> {
        let now = Instant::now();
        for exchange in self.table.values_mut() {
            if mem::take(&mut exchange.heard) {
                exchange.last_sign = now;
            }
        }
        let overdue = |exchange: &Exchange| limits.exceeded_by(exchange, now);
        let removed = self.remove_where(|exchange| overdue(exchange).is_some());
        let with_limit = |(id, exchange): (u64, Exchange)| {
            let limit = overdue(&exchange).unwrap_or_default();
            (id, exchange, limit)
        };
        removed.into_iter().map(with_limit).collect()
    }

    fn remove_where(
        &mut self,
        mut matching: impl FnMut(&Exchange) -> bool,
    ) -> Vec<(u64, Exchange)> {
        self.table.extract_if(|_, exchange| matching(exchange)).collect()
    }

    /// Removes everything.
    pub(super) fn take(&mut self) -> Vec<Exchange> {
        self.table.drain().map(|(_, exchange)| exchange).collect()
    }
}

/// The clients with running calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Callers {
    None,
    One(MemberId),
    Several,
}
