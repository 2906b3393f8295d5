//! Log messages of a server, which need not say for which call it logs.

use std::sync::Arc;

use super::super::{exchange::MemberId, shared::State};
use crate::{
    jsonrpc::{Kind, Message},
    protocol::Notification,
    relay::{Listener as _, Shared, Sink, fan_out::level_of},
};

impl Shared {
    /// Where the messages of this request go, if it is under way.
    pub(crate) fn sink_of(&self, request: u64) -> Option<Arc<dyn Sink>> {
        self.lock().exchanges.sink(request)
    }

    /// A message that came on the stream of this request: what is logged there needs no guess.
    pub(crate) fn receive_about(&self, request: u64, message: &Message) {
        let logged = message.kind() == Kind::Notification
            && Notification::of(&message.method()) == Notification::Message;
        if !logged {
            return match message.kind() {
                Kind::Notification => self.receive_notification(message, Some(request)),
                _ => self.receive(message),
            };
        }
        let mut state = self.lock();
        let sink = state.logged_with(request, message);
        state.tell(sink.into_iter().collect(), message, Vec::new());
    }
}

impl State {
    /// Where a log message of this request goes, if its client wants it.
    fn logged_with(&mut self, request: u64, notification: &Message) -> Option<Arc<dyn Sink>> {
        let level = level_of(notification)?;
        let sink = self.exchanges.touch(request)?.sink();
        let member = self.members.get(&self.exchanges.member(request)?)?;
        member.level.filter(|from| level >= *from)?;
        sink.filter(|sink| sink.is_heard()).or_else(|| member.unsolicited.clone())
    }

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
                tracing::debug!(
                    "a log message is dropped because it could be for any of several clients"
                );
                return None;
            }
            only = false;
        }
        let unsolicited = self.members.get(&member).and_then(|member| member.unsolicited.as_ref());
        let own = unsolicited.filter(|_| !only || !reply.is_heard());
        own.cloned().or_else(|| reply.sink())
    }
}
