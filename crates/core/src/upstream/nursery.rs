//! Servers that are not shared: each is started for one client, some of them in advance.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    child::{Child, Opening, STOP_AFTER_FAILURE, failure},
    guard::Guard,
    negotiation::Negotiation,
    outlook::Outlook,
    program,
    restart::{chance, pause},
    tenancy::Tenancy,
};
use crate::{
    config::{CommandConfig, Isolation, PingConfig, RestartWhen, UpstreamConfig, UpstreamProtocol},
    era::Era,
    error::Error,
    jsonrpc::{Code, ErrorBody},
    relay::{
        self, Cause, Dedicated, Keep, Launched, Limits, Outbox, Private, Readiness, Servers,
        Unready, Volume,
    },
    telemetry::console_error,
};

/// When a retry makes sense after a server could not be started.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How long a new server waits for the place of one that is ending.
const ROOM_PATIENCE: Duration = Duration::from_secs(5);

/// All servers of a proxy that does not share them.
#[derive(Clone, Debug)]
pub(crate) struct Nursery(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    /// The era of its servers.
    era: Era,
    command: CommandConfig,
    pub(super) connection_timeout: Duration,
    pub(super) child_idle_timeout: Option<Duration>,
    pub(super) ping: Option<PingConfig>,
    guard: Option<Guard>,
    slots: Arc<Semaphore>,
    max_children: usize,
    prewarm: usize,
    spares: Mutex<VecDeque<Child>>,
    running: Mutex<BTreeMap<u64, Running>>,
    next: AtomicU64,
    restarts: AtomicU64,
    outlook: Outlook,
    volume: Arc<Volume>,
    serving: TaskTracker,
    pub(super) stop: CancellationToken,
}

/// A server with a client.
#[derive(Debug)]
struct Running {
    pid: Option<u32>,
    outbox: Arc<Outbox>,
}

impl Nursery {
    /// Starts the spares; if the command cannot be started, this fails at once. If the era of the
    /// servers is unknown, one is started to find it out.
    pub(crate) async fn start(
        config: &UpstreamConfig,
        guard: Option<Guard>,
    ) -> Result<Self, Error> {
        program::check(&config.command)?;
        let volume = Arc::default();
        let era = match config.protocol {
            UpstreamProtocol::Legacy => Era::Legacy,
            UpstreamProtocol::Modern => Era::Modern,
            UpstreamProtocol::Auto => {
                let spawn = || Child::spawn(&config.command, guard.as_ref(), &volume);
                let (child, server) = Negotiation::default().connect(config, spawn).await?;
                child.stop(STOP_AFTER_FAILURE).await;
                server.era()
            }
        };
        let nursery = Self(Arc::new(Inner {
            era,
            command: config.command.clone(),
            connection_timeout: config.connection_timeout,
            child_idle_timeout: config.child_idle_timeout,
            ping: config.ping,
            guard,
            slots: Arc::new(Semaphore::new(config.max_children.min(Semaphore::MAX_PERMITS))),
            max_children: config.max_children,
            prewarm: config.prewarm,
            spares: Mutex::default(),
            running: Mutex::default(),
            next: AtomicU64::new(0),
            restarts: AtomicU64::new(0),
            outlook: Outlook::default(),
            volume,
            serving: TaskTracker::new(),
            stop: CancellationToken::new(),
        }));
        nursery.0.refill()?;
        Ok(nursery)
    }

    /// What clients connect to.
    pub(crate) fn backend(&self, config: &UpstreamConfig) -> Arc<Dedicated> {
        let limits = Limits { silence: config.request_timeout, total: config.max_request_time };
        let revives = config.restart.when != RestartWhen::Never;
        let is_kept = config.isolation == Isolation::Session;
        let keeps = if is_kept { Keep::OneCallers } else { Keep::Nothing };
        Arc::new(Dedicated::new(Arc::new(self.clone()), limits, revives, keeps))
    }

    /// The era of its servers.
    pub(crate) fn era(&self) -> Era {
        self.0.era
    }

    /// Reserves one server.
    pub(super) fn permit(&self) -> Result<OwnedSemaphorePermit, ErrorBody> {
        Arc::clone(&self.0.slots).try_acquire_owned().map_err(|_| {
            let limit = self.0.max_children;
            let message = format!("too many servers are running ({limit}; --maxChildren)");
            ErrorBody::new(Code::Unavailable, message)
        })
    }

    /// Waits until there may be room for one more server: ending servers need a moment.
    pub(super) fn room(&self) -> BoxFuture<'static, ()> {
        let slots = Arc::clone(&self.0.slots);
        Box::pin(async move {
            // Both results lead to another attempt.
            drop(timeout(ROOM_PATIENCE, slots.acquire_owned()).await);
        })
    }

    /// A server without a client.
    pub(super) fn take(&self) -> Result<Child, Error> {
        self.0.take()
    }

    /// A server with a command of its own.
    pub(super) fn run(&self, command: &CommandConfig) -> Result<Child, Error> {
        Child::spawn(command, self.0.guard.as_ref(), &self.0.volume)
    }

    /// Runs a task that must end before the nursery is closed.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.0.serving.spawn(work.boxed())
    }

    /// Cancelled when the proxy stops.
    pub(super) fn stopping(&self) -> CancellationToken {
        self.0.stop.clone()
    }

    /// A server has answered.
    pub(super) fn succeeded(&self) {
        self.0.succeeded();
    }

    /// A server could not be started.
    pub(super) fn failed(&self, reason: String) {
        self.0.failed(reason);
    }

    /// Servers were started in place of others.
    pub(super) fn count_restarts(&self, restarts: u64) {
        self.0.restarts.fetch_add(restarts, Ordering::Relaxed);
    }

    /// Ends all servers and everything that they have started, within `budget`.
    pub(crate) async fn stop(self, budget: Duration) {
        self.0.stop.cancel();
        let spares = std::mem::take(&mut *self.0.spares());
        for spare in spares {
            self.0.serving.spawn(spare.stop(budget).boxed());
        }
        self.0.serving.close();
        if timeout(budget, self.0.serving.wait()).await.is_err() {
            tracing::warn!("some servers took too long to stop");
        }
    }
}

impl relay::Nursery for Nursery {
    fn reserve(&self) -> Result<Box<dyn relay::Slot>, ErrorBody> {
        let permit = self.permit()?;
        Ok(Box::new(Slot { permit, nursery: Arc::clone(&self.0) }))
    }

    fn room(&self) -> BoxFuture<'static, ()> {
        Self::room(self)
    }

    fn restarted(&self) {
        self.count_restarts(1);
    }
}

/// Ready unless the last attempt to start a server failed.
impl Readiness for Nursery {
    fn unready(&self) -> Option<Unready> {
        let reason = self.0.outlook.failure()?;
        Some(Unready { state: "failing", reason, retry_after: Some(RETRY_AFTER) })
    }

    fn servers(&self) -> Servers {
        let running = self.0.running();
        let spares = self.0.spares();
        let (written_bytes, read_bytes) = self.0.volume.so_far();
        Servers {
            pids: running
                .values()
                .filter_map(|server| server.pid)
                .chain(spares.iter().filter_map(Child::pid))
                .collect(),
            restarts: self.0.restarts.load(Ordering::Relaxed),
            queued_bytes: running.values().map(|server| server.outbox.queued_bytes()).sum(),
            written_bytes,
            read_bytes,
        }
    }
}

/// See [`relay::Slot`].
struct Slot {
    permit: OwnedSemaphorePermit,
    nursery: Arc<Inner>,
}

impl relay::Slot for Slot {
    fn launch(self: Box<Self>, client: Arc<Private>) -> Result<Launched, Cause> {
        let Self { permit, nursery } = *self;
        let child = nursery.take().map_err(|error| {
            let cause = failure(&error);
            console_error!("[mcp-proxy] {}", cause.message);
            nursery.failed(cause.message.clone());
            cause
        })?;
        let outbox = Arc::new(Outbox::default());
        let (stop, stopped) = oneshot::channel();
        let place = nursery.enter(child.pid(), &outbox);
        let tenancy = Tenancy { client, place, outbox: Arc::clone(&outbox), permit };
        nursery.serving.spawn(tenancy.run(child, stopped).boxed());
        Ok(Launched { outbox, stop })
    }
}

/// A place among the running servers.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) nursery: Arc<Inner>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.nursery.running().remove(&self.number);
    }
}

impl Inner {
    fn enter(self: &Arc<Self>, pid: Option<u32>, outbox: &Arc<Outbox>) -> Place {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.running().insert(number, Running { pid, outbox: Arc::clone(outbox) });
        Place { nursery: Arc::clone(self), number }
    }

    /// A server without a client: a spare if one is left, else a new one.
    fn take(self: &Arc<Self>) -> Result<Child, Error> {
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

    fn refill(&self) -> Result<(), Error> {
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

    fn spares(&self) -> MutexGuard<'_, VecDeque<Child>> {
        self.spares.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<u64, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
