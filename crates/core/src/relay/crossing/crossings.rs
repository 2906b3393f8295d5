//! State that the modern clients of one upstream share.

use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{
    rounds::{Round, Rounds, Waits},
    schemas::Schemas,
    subscription::Subscription,
    task_tools::TaskTools,
};
use crate::{
    identity::Identity,
    jsonrpc::Message,
    protocol::header::annotation::MirroredParameter,
    runtime::{seats::Seats, task},
};

/// Most subscriptions at a time, as in the official server.
const MAX_SUBSCRIPTIONS: usize = 1024;
/// How often clients that did not return are looked for.
const WATCH: Duration = Duration::from_millis(500);

/// See the module.
#[derive(Debug)]
pub(in crate::relay) struct Crossings {
    pub(super) rounds: Rounds,
    /// Whether a task looks for clients that did not return.
    watches: AtomicBool,
    pub(super) schemas: Schemas,
    pub(super) task_tools: TaskTools,
    pub(super) seats: Arc<Seats>,
    subscriptions: Mutex<Vec<Weak<Subscription>>>,
}

impl Default for Crossings {
    fn default() -> Self {
        Self {
            rounds: Rounds::default(),
            watches: AtomicBool::new(false),
            schemas: Schemas::default(),
            task_tools: TaskTools::default(),
            seats: Seats::new(Some(MAX_SUBSCRIPTIONS)),
            subscriptions: Mutex::default(),
        }
    }
}

impl Crossings {
    pub(super) fn remember(&self, subscription: &Arc<Subscription>) {
        let mut subscriptions = self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner);
        subscriptions.retain(|subscription| subscription.strong_count() > 0);
        subscriptions.push(Arc::downgrade(subscription));
    }

    /// Remembers which arguments of the tools listed here this principal mirrors in headers, and
    /// how these tools are run.
    pub(in crate::relay) fn learn(&self, principal: &Identity, tools: &Message) {
        self.schemas.learn(principal, tools);
        self.task_tools.learn(principal, tools);
    }

    /// The arguments of this tool that are mirrored.
    pub(in crate::relay) fn mirrored(
        &self,
        principal: &Identity,
        tool: &str,
    ) -> Option<Arc<[MirroredParameter]>> {
        self.schemas.of(principal, tool)
    }

    /// How many subscriptions are open.
    #[cfg(test)]
    pub(in crate::relay) fn subscribed(&self) -> usize {
        self.seats.taken()
    }

    /// Restores a round whose answers were malformed.
    pub(super) fn restore(self: &Arc<Self>, token: String, round: Round) {
        self.rounds.restore(token, round);
        self.watch();
    }

    /// The subscriptions that are open.
    pub(super) fn subscriptions(&self) -> Vec<Arc<Subscription>> {
        let subscriptions = self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner);
        subscriptions.iter().filter_map(Weak::upgrade).collect()
    }

    /// Ends every subscription with its result.
    pub(in crate::relay) fn end_subscriptions(&self) {
        for subscription in self.subscriptions() {
            subscription.end();
        }
    }

    /// Keeps a round for as long as its client may take; returns its token, unless there are too
    /// many rounds.
    pub(super) fn seal(
        self: &Arc<Self>,
        round: Round,
        name: impl FnOnce(String) -> String,
    ) -> Option<String> {
        let token = self.rounds.seal(round, name)?;
        self.watch();
        Some(token)
    }

    fn watch(self: &Arc<Self>) {
        if !self.watches.swap(true, Ordering::Relaxed) {
            task::spawn(watch(Arc::downgrade(self)));
        }
    }

    /// Ends the calls whose clients have not returned in time; `false` if there are none left, or
    /// another task watches them.
    fn expire(&self, now: Instant) -> bool {
        give_up(self.rounds.expired(now));
        self.watches.store(false, Ordering::Relaxed);
        !self.rounds.is_empty() && !self.watches.swap(true, Ordering::Relaxed)
    }

    /// Ends the calls whose clients are being asked.
    pub(super) fn give_up_held(&self) {
        give_up(self.rounds.all());
    }
}

async fn watch(crossings: Weak<Crossings>) {
    loop {
        tokio::time::sleep(WATCH).await;
        let Some(crossings) = crossings.upgrade() else { return };
        if !crossings.expire(Instant::now()) {
            return;
        }
    }
}

fn give_up(rounds: Vec<Round>) {
    for round in rounds {
        if let Waits::Call(call) = round.waits {
            call.expire();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_round_that_is_put_back_expires_too() {
        let crossings = Arc::<Crossings>::default();
        let text = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#;
        let request = Message::parse(text.into()).unwrap();
        let (until, principal) = (Instant::now() + 8 * WATCH, Identity::default());
        let round = Round {
            principal: principal.clone(),
            call: crossings.rounds.fingerprint(&request),
            until,
            waits: Waits::Nothing,
        };
        let token = crossings.seal(round, |token| token).unwrap();
        let state = format!("\"{token}\"");
        let found = crossings.rounds.take(state.as_bytes(), &principal, &request, Instant::now());
        let (token, round) = found.unwrap();
        // The list may have become empty meanwhile.
        tokio::time::sleep(2 * WATCH).await;
        crossings.restore(token, round);
        tokio::time::sleep(10 * WATCH).await;
        assert!(crossings.rounds.is_empty());
    }
}
