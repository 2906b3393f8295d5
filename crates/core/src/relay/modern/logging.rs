//! Log messages of a server that does not say for which call it logs.

use std::sync::Arc;

use super::super::{exchange::MemberId, shared::State};
use crate::{
    jsonrpc::Message,
    relay::{Sink, fan_out::level_of},
};

impl State {
    /// Where a log message goes: it belongs to a call whose client asked for messages of its level
    /// (MCP 2026-07-28, logging). While calls of several such clients are under way nobody knows
    /// to which, so it reaches none of them.
    pub(super) fn logged_for(&self, notification: &Message) -> Option<Arc<dyn Sink>> {
        let level = level_of(notification)?;
        let wants = |member: MemberId| {
            self.members
                .get(&member)
                .and_then(|member| member.level)
                .is_some_and(|from| level >= from)
        };
        let mut calls = self.exchanges.in_flight().filter(|(member, _)| wants(*member));
        let (member, reply) = calls.next()?;
        let mut only = true;
        for (other, _) in calls {
            if other != member {
                tracing::debug!("a log message is dropped: it could be for several clients");
                return None;
            }
            only = false;
        }
        let unsolicited = self.members.get(&member).and_then(|member| member.unsolicited.as_ref());
        let own = unsolicited.filter(|_| !only || !reply.is_heard());
        own.cloned().or_else(|| reply.sink())
    }
}
