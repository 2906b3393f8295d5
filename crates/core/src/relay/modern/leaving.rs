//! Clients that leave, and the progress of tasks whose requests are over.

use super::asked::Abandoned;
use crate::{
    jsonrpc::Message,
    relay::{Reply, about::About, exchange::MemberId, state::State},
};

impl State {
    /// What belonged to a disconnected client.
    pub(in crate::relay) fn leave_bridge(&mut self, member: MemberId) -> Vec<Reply> {
        let left = self.bridge.take(|of, _| of == member);
        left.into_iter().map(|left| self.dropped(left).reply).collect()
    }

    /// Ends the task of a call that nobody waits for.
    pub(super) fn dropped(&mut self, abandoned: Abandoned) -> Abandoned {
        if let Some(task) = &abandoned.task {
            self.end_task(task);
        }
        abandoned
    }

    /// The note for a task's progress, which names the request that the task began as.
    pub(in crate::relay) fn progress_of_task(
        &mut self,
        first: u64,
        notification: &Message,
    ) -> Option<About> {
        if let Some(about) = self.tasks.progress_of(first, notification) {
            return Some(about);
        }
        if self.bridge.task_tools.is_empty() {
            return None;
        }
        let reply = self
            .exchanges
            .task_progressed(first, notification)
            .or_else(|| self.bridge.progressed(first, notification));
        reply.and_then(|reply| reply.progress_of(notification))
    }
}
