//! Everything that one message can change at a shared upstream. What follows for clients is noted;
//! messages to the upstream go into its outbox.

use std::{fmt, sync::Arc};

use super::{
    Reply, Sink,
    exchange::{Exchange, Exchanges, Ids, MemberId, Purpose},
    ids::ById,
    link::Link,
    lists::Lists,
    modern::Bridge,
    owed::{Debts, Owed},
    subscription::{Effect, Subscriptions},
    tasks::Tasks,
    waiting::Waiting,
};
use crate::{
    era::{Era, modern_server::Envelope},
    jsonrpc::{Assembly, escape},
    protocol::{LogLevel, cancelled},
    telemetry::traffic,
};

/// Everything that one message can change, behind one short lock.
#[derive(Debug)]
pub(super) struct State {
    pub(super) link: Link,
    pub(super) exchanges: Exchanges,
    pub(super) members: ById<Attached>,
    pub(super) subscriptions: Subscriptions<Reply>,
    /// Calls that cannot be sent for the moment.
    pub(super) waiting: Waiting,
    /// Calls that have become tasks of an older server.
    pub(super) tasks: Tasks,
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

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attached").field("level", &self.level).finish_non_exhaustive()
    }
}

impl State {
    /// No client yet, and an upstream that has not started; its requests get these ids.
    pub(super) fn new(ids: Ids) -> Self {
        Self {
            link: Link::Away { cause: None, attempt: 0 },
            exchanges: Exchanges::with(ids),
            members: ById::default(),
            subscriptions: Subscriptions::default(),
            waiting: Waiting::default(),
            tasks: Tasks::default(),
            level: INITIAL_LEVEL,
            lists: Lists::default(),
            restarts: 0,
            sweeping: false,
            bridge: Bridge::default(),
            debts: Debts::default(),
            next_member: 0,
        }
    }

    /// Adds a client.
    pub(super) fn admit(&mut self, unsolicited: Option<Arc<dyn Sink>>) -> MemberId {
        let id = self.next_member;
        self.next_member += 1;
        self.members.insert(id, Attached::new(unsolicited));
        id
    }

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
        self.send_line(&cancelled(id, reason).into());
    }

    /// Nobody waits for this task of a client's call any more.
    pub(super) fn end_task(&mut self, id: &str) {
        let Link::Up { initialize, .. } = &self.link else { return };
        let mut params = format!("\"taskId\":{}", escape(id));
        if initialize.era() == Era::Modern {
            params.push_str(",\"_meta\":{");
            params.push_str(&self.bridge.own_metadata_offering_task());
            params.push('}');
        }
        self.say_request("tasks/cancel", &params, Purpose::Housekeeping);
    }

    /// Tells the upstream that nobody waits for this exchange any more, nor for its task.
    pub(super) fn withdraw(&mut self, id: u64, exchange: &Exchange, reason: &str) {
        self.cancel(id, reason);
        if let Some(task) = exchange.task() {
            self.end_task(task);
        }
    }

    /// Sends one of the proxy's own requests; `params` are its members, without metadata.
    pub(super) fn request(&mut self, method: &str, params: &str, purpose: Purpose) {
        let metadata = match &self.link {
            Link::Up { initialize, .. } if initialize.era() == Era::Modern => {
                let comma = if params.is_empty() { "" } else { "," };
                format!("{comma}\"_meta\":{{{}}}", self.bridge.own_metadata())
            }
            _ => String::new(),
        };
        self.say_request(method, &format!("{params}{metadata}"), purpose);
    }

    /// The same with all members of `params`.
    fn say_request(&mut self, method: &str, params: &str, purpose: Purpose) {
        let id = self.exchanges.next_id();
        let message =
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{params}}}}}"#);
        self.exchanges.insert(purpose);
        self.send_line(&message.into());
    }

    /// Carries out what subscriptions require.
    pub(super) fn apply(&mut self, effect: Effect<Reply>, uri: String) {
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
    pub(super) fn answered(&mut self, uri: String, accepted: bool) -> Vec<Reply> {
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
