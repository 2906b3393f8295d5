//! Log messages of a server, which may not say for which call it logs.

use std::sync::Arc;

use super::super::{exchange::MemberId, state::State};
use crate::{
    jsonrpc::{Kind, Message},
    protocol::Notification,
    relay::{Listener as _, Shared, Sink, fan_out::level_of},
};

impl Shared {
    /// The recipient of messages of this request, if it is running.
    pub(crate) fn sink_of(&self, request: u64) -> Option<Arc<dyn Sink>> {
        self.lock().exchanges.sink(request)
    }

    /// A message on the stream of this request: here the call is known.
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
    /// The recipient of a log message of this request, if its client wants it.
    fn logged_with(&mut self, request: u64, notification: &Message) -> Option<Arc<dyn Sink>> {
        let level = level_of(notification)?;
        let sink = self.exchanges.touch(request)?.sink();
        let member = self.members.get(&self.exchanges.member(request)?)?;
        member.level.filter(|from| level >= *from)?;
        sink.filter(|sink| sink.is_heard()).or_else(|| member.unsolicited.clone())
    }

    /// The recipient of a log message: the call whose client asked for messages of this level (MCP
    /// 2026-07-28, logging). While calls of several such clients are running, it could belong to
    /// any of them, so nobody gets it.
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
