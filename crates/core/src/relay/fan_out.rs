//! Messages of a shared upstream that answer nobody: who gets them.

use bytes::Bytes;

use super::{Outgoing, Sink, exchange::MemberId, shared::State};
use crate::{
    jsonrpc::{Edit, Message, find_member},
    protocol::{LogLevel, Notification},
};
use std::sync::Arc;

impl State {
    /// The sinks entitled to a notification of the upstream.
    pub(super) fn audience(&self, notification: &Message) -> Vec<Arc<dyn Sink>> {
        match Notification::of(&notification.method()) {
            Notification::Message => {
                let level = level_of(notification);
                let mut audience = self.audience_of_level(level);
                audience.extend(self.caller_for_log(level));
                audience
            }
            Notification::ResourceUpdated => self.audience_of_resource(notification.uri()),
            // Their ids belong to one client, and a shared upstream does not say whose they are.
            Notification::Tasks
            | Notification::Progress
            | Notification::Cancelled
            | Notification::Acknowledged => Vec::new(),
            _ => self.everybody(),
        }
    }

    /// The sinks of all clients.
    pub(super) fn everybody(&self) -> Vec<Arc<dyn Sink>> {
        self.sinks(|_, _| true)
    }

    fn audience_of_level(&self, level: Option<LogLevel>) -> Vec<Arc<dyn Sink>> {
        self.sinks(|_, wanted| match (wanted, level) {
            (Some(wanted), Some(level)) => level >= wanted,
            _ => true,
        })
    }

    /// Who made the only call under way, if log messages are to come with its answer: whose they
    /// are cannot be told while there are others (MCP 2026-07-28, logging).
    fn caller_for_log(&self, level: Option<LogLevel>) -> Option<Arc<dyn Sink>> {
        let sink = self.exchanges.sink(self.exchanges.only()?)?;
        sink.takes_log(level?).then_some(sink)
    }

    fn audience_of_resource(&self, uri: Option<String>) -> Vec<Arc<dyn Sink>> {
        let Some(uri) = uri else { return Vec::new() };
        let holders = self.subscriptions.holders(&uri);
        self.sinks(|member, _| holders.contains(&member))
    }

    fn sinks(&self, wants: impl Fn(MemberId, Option<LogLevel>) -> bool) -> Vec<Arc<dyn Sink>> {
        let entitled = self.members.iter().filter(|(id, member)| wants(**id, member.level));
        entitled.filter_map(|(_, member)| member.unsolicited.clone()).collect()
    }
}

/// Writes one message to each sink.
pub(super) fn deliver(audience: &[Arc<dyn Sink>], source: &Bytes, edits: &[Edit<'_>]) {
    for sink in audience {
        sink.write(Outgoing { source, edits, response: false });
    }
}

/// The same, for a message that was looked at.
pub(super) fn deliver_message(audience: &[Arc<dyn Sink>], message: &Message) {
    for sink in audience {
        sink.write_message(message, &[], false);
    }
}

pub(super) fn level_of(notification: &Message) -> Option<LogLevel> {
    let span = find_member(notification.bytes(), notification.params()?, "level")?;
    LogLevel::from_json(notification.text(span))
}
