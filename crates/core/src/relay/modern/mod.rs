//! A shared 2026-07-28 server: what its handshake clients need in between.
//!
//! Clients of its own era need nothing: ids and progress tokens are replaced as for everybody, and
//! every other byte passes. For handshake clients, each request carries what its client once said
//! about itself, results are translated, questions are asked in the client's form, and the proxy
//! listens for changes on behalf of all of them. Decisions are made in `era::modern_server` and
//! carried out here.

mod asked;
mod asking;
mod listening;
mod logging;
mod member;
mod receive;
mod tending;

pub(crate) use listening::{failure, tell_end, unreported};
pub(crate) use receive::untagged;

use std::{collections::HashSet, fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Reply, exchange::MemberId, reply::About, state::State};
use crate::{
    era::modern_server::{Call, Envelope, Listen},
    jsonrpc::Message,
};
use asked::{Abandoned, Asked};

/// The request for a stream of changes.
pub(crate) const LISTEN: &str = "subscriptions/listen";

/// Most tools that are remembered because they need tasks.
const MAX_TASK_TOOLS: usize = 1000;

/// State for such a server and its clients.
#[derive(Debug)]
pub(super) struct Bridge {
    listen: Listen,
    asked: Asked,
    paused: Vec<Paused>,
    /// Tools whose output schema clients know in wrapped form, by their raw names.
    wrapped_tools: HashSet<Vec<u8>>,
    /// Tools that the server runs only as tasks, by their raw names.
    task_tools: HashSet<Vec<u8>>,
    /// Represents the proxy, and clients without a handshake.
    own: Arc<Envelope>,
    epoch: Instant,
}

/// A call that its server wants again, a little later.
struct Paused {
    member: MemberId,
    reply: Reply,
    call: Box<Call>,
    due: Instant,
}

impl fmt::Debug for Paused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paused").field("member", &self.member).finish_non_exhaustive()
    }
}

impl Default for Bridge {
    fn default() -> Self {
        Self {
            listen: Listen::default(),
            asked: Asked::default(),
            paused: Vec::new(),
            wrapped_tools: HashSet::new(),
            task_tools: HashSet::new(),
            own: Arc::new(Envelope::of_proxy(crate::VERSION)),
            epoch: Instant::now(),
        }
    }
}

impl Bridge {
    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Members of `params._meta` of the proxy's own requests.
    pub(super) fn own_metadata(&self) -> &str {
        self.own.members()
    }

    /// The same for requests about tasks.
    pub(super) fn own_metadata_offering_task(&self) -> String {
        self.own.members_offering_task(true)
    }

    /// The server has ended, and its tasks with it; returns the replies of their calls. Other
    /// questions to clients stay open: no request is running for them, and the answers may go to
    /// the successor.
    pub(super) fn lost(&mut self) -> Vec<Reply> {
        self.listen.lost();
        let paused = self.paused.extract_if(.., |paused| paused.call.task().is_some());
        let paused: Vec<Reply> = paused.map(|paused| paused.reply).collect();
        paused.into_iter().chain(self.asked.lost()).collect()
    }

    /// Remembers a tool that needs tasks.
    fn learn_task_tool(&mut self, name: &[u8]) {
        if self.task_tools.len() >= MAX_TASK_TOOLS {
            self.task_tools.clear();
        }
        self.task_tools.insert(name.to_vec());
    }

    /// The reply of the call that has become a task, if no request is running for it and its client
    /// may get this progress.
    fn progressed(&mut self, first: u64, notification: &Message) -> Option<&Reply> {
        let paused = self.paused.iter_mut().find(|paused| paused.call.began_as(first))?;
        paused.call.advances(notification).then_some(&paused.reply)
    }

    /// Removes what belongs to a disconnected client, or to its cancelled call.
    fn take(&mut self, concerns: impl Fn(MemberId, &Reply) -> bool) -> Vec<Abandoned> {
        let mut taken = self.asked.take(&concerns);
        let paused = self.paused.extract_if(.., |paused| concerns(paused.member, &paused.reply));
        taken.extend(paused.map(|Paused { reply, call, .. }| {
            let task = call.task().map(str::to_owned);
            Abandoned { reply, open: Vec::new(), task }
        }));
        taken
    }
}

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
