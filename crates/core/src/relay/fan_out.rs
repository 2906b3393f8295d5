//! Which clients get the messages of a shared upstream that are not answers.

use super::{
    Sink,
    exchange::{Callers, MemberId},
    owed::Owed,
    state::State,
    subscription::{Holder, Subscriptions},
};
use crate::{
    jsonrpc::{Edit, Message, find_member},
    protocol::{LogLevel, Notification},
};
use std::sync::Arc;

/// The recipients of a notification of a shared server.
#[derive(Debug)]
pub(crate) enum Audience {
    /// All clients: it reports a change.
    Everybody,
    /// Clients whose log level includes it.
    OfLevel(Option<LogLevel>),
    /// Clients that are subscribed to its resource.
    Holders(Vec<Holder>),
    /// A single client, but the server does not say which.
    Nobody,
}

impl Audience {
    pub(crate) fn of<W>(
        kind: Notification,
        level: impl FnOnce() -> Option<LogLevel>,
        uri: impl FnOnce() -> Option<String>,
        subscriptions: &Subscriptions<W>,
    ) -> Self {
        match kind {
            Notification::Message => Self::OfLevel(level()),
            Notification::ResourceUpdated => {
                Self::Holders(uri().map_or_else(Vec::new, |uri| subscriptions.holders(&uri)))
            }
            Notification::Tasks
            | Notification::Progress
            | Notification::Cancelled
            | Notification::Acknowledged => Self::Nobody,
            _ => Self::Everybody,
        }
    }

    /// Whether this client, with this log level, is among them.
    pub(crate) fn includes(&self, member: MemberId, wanted: Option<LogLevel>) -> bool {
        match self {
            Self::Everybody => true,
            Self::OfLevel(level) => match (wanted, level) {
                (Some(wanted), Some(level)) => *level >= wanted,
                _ => true,
            },
            Self::Holders(holders) => holders.contains(&member),
            Self::Nobody => false,
        }
    }
}

impl State {
    /// The sinks that get a notification of the upstream.
    pub(super) fn audience(
        &self,
        kind: Notification,
        notification: &Message,
    ) -> Vec<Arc<dyn Sink>> {
        let caller =
            if kind.may_belong_to_a_call() { self.exchanges.callers() } else { Callers::None };
        if caller == Callers::Several {
            tracing::debug!(
                "a notification is withheld because it could belong to any of several clients' calls"
            );
            return Vec::new();
        }
        let audience = Audience::of(
            kind,
            || level_of(notification),
            || notification.uri(),
            &self.subscriptions,
        );
        let mut sinks = match audience {
            Audience::Nobody => return Vec::new(),
            _ => self.sinks(|member, wanted| {
                let entitled = matches!(caller, Callers::None) || caller == Callers::One(member);
                entitled && audience.includes(member, wanted)
            }),
        };
        if let Audience::OfLevel(level) = audience {
            sinks.extend(self.caller_for_log(level));
        }
        sinks
    }

    /// Writes a changed notification to these sinks.
    pub(super) fn tell(
        &mut self,
        audience: Vec<Arc<dyn Sink>>,
        notification: &Message,
        edits: Vec<Edit<'static>>,
    ) {
        if !audience.is_empty() {
            self.owe(Owed::Told(audience, notification.bytes().clone(), edits));
        }
    }

    /// The sinks of all clients.
    pub(super) fn everybody(&self) -> Vec<Arc<dyn Sink>> {
        self.sinks(|_, _| true)
    }

    /// The client of the only running call, if log messages are wanted with its answer. With
    /// several calls, the owner of a message cannot be told (MCP 2026-07-28, logging).
    fn caller_for_log(&self, level: Option<LogLevel>) -> Option<Arc<dyn Sink>> {
        let sink = self.exchanges.sink(self.exchanges.only()?)?;
        sink.takes_log(level?).then_some(sink)
    }

    fn sinks(&self, wants: impl Fn(MemberId, Option<LogLevel>) -> bool) -> Vec<Arc<dyn Sink>> {
        let entitled = self.members.iter().filter(|(id, member)| wants(**id, member.level));
        entitled.filter_map(|(_, member)| member.unsolicited.clone()).collect()
    }
}

pub(super) fn level_of(notification: &Message) -> Option<LogLevel> {
    let span = find_member(notification.bytes(), notification.params()?, "level")?;
    LogLevel::from_json(notification.text(span))
}
