//! A shared 2026-07-28 server: what its handshake clients need in between.
//!
//! Clients of its own era need nothing: ids and progress tokens are replaced as for everybody, and
//! every other byte passes. For handshake clients, each request carries what its client once said
//! about itself, results are translated, questions are asked in the client's form, and the proxy
//! listens for changes on behalf of all of them. Decisions are made in `era::modern_server` and
//! carried out here.

mod asked;
mod asking;
mod bridge;
mod listening;
mod logging;
mod member;
mod receive;
mod tending;

pub(super) use bridge::Bridge;
pub(crate) use listening::{failure, tell_end, unreported};
pub(crate) use receive::untagged;

use self::asked::Abandoned;
use super::{Reply, exchange::MemberId, reply::About, state::State};
use crate::jsonrpc::Message;

/// The request for a stream of changes.
pub(crate) const LISTEN: &str = "subscriptions/listen";

impl State {
    /// What belonged to a disconnected client.
    pub(super) fn leave_bridge(&mut self, member: MemberId) -> Vec<Reply> {
        let left = self.bridge.take(|of, _| of == member);
        left.into_iter().map(|left| self.dropped(left).reply).collect()
    }

    /// Ends the task of a call that nobody waits for.
    fn dropped(&mut self, abandoned: Abandoned) -> Abandoned {
        if let Some(task) = &abandoned.task {
            self.end_task(task);
        }
        abandoned
    }

    /// The note for a task's progress, which names the request that the task began as.
    pub(super) fn progress_of_task(&mut self, first: u64, notification: &Message) -> Option<About> {
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
