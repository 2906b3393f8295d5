//! Servers that are not shared: each is started for one client, some of them in advance.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    child::{Child, STOP_AFTER_FAILURE, failure},
    children::Children,
    guard::Guard,
    negotiation::Negotiation,
    outlook::Outlook,
    program,
    tenancy::Tenancy,
};
use crate::{
    config::{CommandConfig, Isolation, RestartWhen, UpstreamConfig, UpstreamProtocol},
    era::Era,
    error::Error,
    jsonrpc::{Code, ErrorBody},
    relay::{
        self, Cause, Dedicated, Keep, Launched, Limits, Outbox, Private, Readiness, Servers,
        Unready,
    },
    telemetry::console_error,
};

/// When a retry makes sense after a server could not be started.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How long a new server waits for the place of one that is ending.
const ROOM_PATIENCE: Duration = Duration::from_secs(5);

/// All servers of a proxy that does not share them.
#[derive(Clone, Debug)]
pub(crate) struct Nursery(Arc<Children>);

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
        let nursery = Self(Arc::new(Children {
            era,
            command: config.command.clone(),
            connection_timeout: config.connection_timeout,
            child_idle_timeout: config.child_idle_timeout,
            ping: config.ping,
            guard,
            slots: Arc::new(Semaphore::new(config.max_children.min(Semaphore::MAX_PERMITS))),
            limit: config.max_children,
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
            let limit = self.0.limit;
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
    nursery: Arc<Children>,
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
