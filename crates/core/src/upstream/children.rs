//! The servers of a proxy that does not share them: those with a client, and those in advance.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt as _;
use tokio::{sync::Semaphore, time::sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    child::{Child, Opening, STOP_AFTER_FAILURE, failure},
    guard::Guard,
    outlook::Outlook,
    restart::{chance, pause},
};
use crate::{
    config::{CommandConfig, PingConfig},
    era::Era,
    error::Error,
    relay::{Outbox, Volume},
};

/// See the module.
#[derive(Debug)]
pub(super) struct Children {
    /// The era of its servers.
    pub(super) era: Era,
    pub(super) command: CommandConfig,
    pub(super) connection_timeout: Duration,
    pub(super) child_idle_timeout: Option<Duration>,
    pub(super) ping: Option<PingConfig>,
    pub(super) guard: Option<Guard>,
    pub(super) slots: Arc<Semaphore>,
    pub(super) limit: usize,
    pub(super) prewarm: usize,
    pub(super) spares: Mutex<VecDeque<Child>>,
    pub(super) running: Mutex<BTreeMap<u64, Running>>,
    pub(super) next: AtomicU64,
    pub(super) restarts: AtomicU64,
    pub(super) outlook: Outlook,
    pub(super) volume: Arc<Volume>,
    pub(super) serving: TaskTracker,
    pub(super) stop: CancellationToken,
}

/// A server with a client.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) pid: Option<u32>,
    pub(super) outbox: Arc<Outbox>,
}

/// A place among the running servers.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) nursery: Arc<Children>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.nursery.running().remove(&self.number);
    }
}

impl Children {
    pub(super) fn enter(self: &Arc<Self>, pid: Option<u32>, outbox: &Arc<Outbox>) -> Place {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.running().insert(number, Running { pid, outbox: Arc::clone(outbox) });
        Place { nursery: Arc::clone(self), number }
    }

    /// A server without a client: a spare if one is left, else a new one.
    pub(super) fn take(self: &Arc<Self>) -> Result<Child, Error> {
        let spare = loop {
            let Some(mut spare) = self.spares().pop_front() else { break None };
            if spare.is_running() {
                break Some(spare);
            }
        };
        let Some(spare) = spare else { return self.spawn() };
        let nursery = Arc::clone(self);
        // Not while the client waits.
        let refilling = async move {
            if let Err(error) = nursery.refill() {
                tracing::warn!(%error, "no server could be started in advance");
                nursery.failed(failure(&error).message);
            }
        };
        self.serving.spawn(refilling.boxed());
        Ok(spare)
    }

    pub(super) fn refill(&self) -> Result<(), Error> {
        while self.spares().len() < self.prewarm && !self.stop.is_cancelled() {
            let spare = self.spawn()?;
            self.spares().push_back(spare);
        }
        Ok(())
    }

    fn spawn(&self) -> Result<Child, Error> {
        Child::spawn(&self.command, self.guard.as_ref(), &self.volume)
    }

    /// A server has answered.
    pub(super) fn succeeded(&self) {
        self.outlook.brighten();
    }

    /// A server could not be started, or ended before its first message.
    pub(super) fn failed(self: &Arc<Self>, reason: String) {
        if self.outlook.darken(reason) && !self.stop.is_cancelled() {
            self.serving.spawn(Arc::clone(self).try_until_one_answers().boxed());
        }
    }

    async fn try_until_one_answers(self: Arc<Self>) {
        for attempt in 0.. {
            let paused = self.stop.run_until_cancelled(sleep(pause(attempt, chance()))).await;
            if paused.is_none() || self.outlook.failure().is_none() {
                return;
            }
            // If no slot is free, enough servers run to learn from.
            let Ok(_permit) = self.slots.try_acquire() else { continue };
            match self.stop.run_until_cancelled(self.trial()).await {
                Some(Ok(())) => return self.succeeded(),
                Some(Err(error)) => {
                    self.outlook.darken(failure(&error).message);
                }
                None => return,
            }
        }
    }

    /// Starts a server to see whether it answers, then ends it.
    async fn trial(&self) -> Result<(), Error> {
        let opening = match self.era {
            Era::Legacy => Opening::Initialize,
            Era::Modern => Opening::Discover,
        };
        let greeted = self.spawn()?.greet(opening, self.connection_timeout).await;
        let (child, _) = greeted.map_err(|unwelcome| unwelcome.error)?;
        child.stop(STOP_AFTER_FAILURE).await;
        Ok(())
    }

    pub(super) fn spares(&self) -> MutexGuard<'_, VecDeque<Child>> {
        self.spares.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn running(&self) -> MutexGuard<'_, BTreeMap<u64, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
