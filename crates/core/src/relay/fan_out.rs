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
            Notification::Message => self.audience_of_level(level_of(notification)),
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

pub(super) fn level_of(notification: &Message) -> Option<LogLevel> {
    let span = find_member(notification.bytes(), notification.params()?, "level")?;
    LogLevel::from_json(notification.text(span))
}
