//! State for a shared 2026-07-28 server and its clients.

use std::{collections::HashSet, fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::asked::{Abandoned, Asked};
use crate::{
    era::modern_server::{Call, Envelope, Listen},
    jsonrpc::Message,
    relay::{Reply, exchange::MemberId},
};

/// Most tools that are remembered because they need tasks.
const MAX_TASK_TOOLS: usize = 1000;

/// See the module.
#[derive(Debug)]
pub(in crate::relay) struct Bridge {
    pub(super) listen: Listen,
    pub(super) asked: Asked,
    pub(super) paused: Vec<Paused>,
    /// Tools whose output schema clients know in wrapped form, by their raw names.
    pub(super) wrapped_tools: HashSet<Vec<u8>>,
    /// Tools that the server runs only as tasks, by their raw names.
    pub(super) task_tools: HashSet<Vec<u8>>,
    /// Represents the proxy, and clients without a handshake.
    pub(super) own: Arc<Envelope>,
    pub(super) epoch: Instant,
}

/// A call that its server wants again, a little later.
pub(super) struct Paused {
    pub(super) member: MemberId,
    pub(super) reply: Reply,
    pub(super) call: Box<Call>,
    pub(super) due: Instant,
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
    pub(super) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Members of `params._meta` of the proxy's own requests.
    pub(in crate::relay) fn own_metadata(&self) -> &str {
        self.own.members()
    }

    /// The same for requests about tasks.
    pub(in crate::relay) fn own_metadata_offering_task(&self) -> String {
        self.own.members_offering_task(true)
    }

    /// The server has ended, and its tasks with it; returns the replies of their calls. Other
    /// questions to clients stay open: no request is running for them, and the answers may go to
    /// the successor.
    pub(in crate::relay) fn lost(&mut self) -> Vec<Reply> {
        self.listen.lost();
        let paused = self.paused.extract_if(.., |paused| paused.call.task().is_some());
        let paused: Vec<Reply> = paused.map(|paused| paused.reply).collect();
        paused.into_iter().chain(self.asked.lost()).collect()
    }

    /// Remembers a tool that needs tasks.
    pub(super) fn learn_task_tool(&mut self, name: &[u8]) {
        if self.task_tools.len() >= MAX_TASK_TOOLS {
            self.task_tools.clear();
        }
        self.task_tools.insert(name.to_vec());
    }

    /// The reply of the call that has become a task, if no request is running for it and its client
    /// may get this progress.
    pub(super) fn progressed(&mut self, first: u64, notification: &Message) -> Option<&Reply> {
        let paused = self.paused.iter_mut().find(|paused| paused.call.began_as(first))?;
        paused.call.advances(notification).then_some(&paused.reply)
    }

    /// Removes what belongs to a disconnected client, or to its cancelled call.
    pub(super) fn take(&mut self, concerns: impl Fn(MemberId, &Reply) -> bool) -> Vec<Abandoned> {
        let mut taken = self.asked.take(&concerns);
        let paused = self.paused.extract_if(.., |paused| concerns(paused.member, &paused.reply));
        taken.extend(paused.map(|Paused { reply, call, .. }| {
            let task = call.task().map(str::to_owned);
            Abandoned { reply, open: Vec::new(), task }
        }));
        taken
    }
}
