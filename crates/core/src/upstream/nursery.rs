//! Servers that are not shared: started for one client each, some of them ahead of it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    child::{Child, STOP_AFTER_FAILURE, Stop},
    guard::Guard,
};
use crate::{
    config::{CommandConfig, Isolation, RestartWhen, UpstreamConfig},
    error::Error,
    jsonrpc::{Code, ErrorBody},
    relay::{self, Cause, Dedicated, Launched, Limits, Outbox, Private},
    telemetry::console_error,
};

/// All servers of a proxy that does not share them.
#[derive(Clone, Debug)]
pub(crate) struct Nursery(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    command: CommandConfig,
    guard: Option<Guard>,
    slots: Arc<Semaphore>,
    max_children: usize,
    prewarm: usize,
    spares: Mutex<VecDeque<Child>>,
    serving: TaskTracker,
    stop: CancellationToken,
}

impl Nursery {
    /// Starts the spares; a command that cannot be started is told at once if there are any.
    pub(crate) fn start(config: &UpstreamConfig, guard: Option<Guard>) -> Result<Self, Error> {
        let nursery = Self(Arc::new(Inner {
            command: config.command.clone(),
            guard,
            slots: Arc::new(Semaphore::new(config.max_children.min(Semaphore::MAX_PERMITS))),
            max_children: config.max_children,
            prewarm: config.prewarm,
            spares: Mutex::default(),
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
        let keeps = config.isolation == Isolation::Session;
        Arc::new(Dedicated::new(Arc::new(self.clone()), limits, revives, keeps))
    }

    /// Ends all servers and everything they have started, within `budget`.
    pub(crate) async fn stop(self, budget: Duration) {
        self.0.stop.cancel();
        let spares = std::mem::take(&mut *self.0.spares());
        for spare in spares {
            self.0.serving.spawn(spare.stop(budget));
        }
        self.0.serving.close();
        if timeout(budget, self.0.serving.wait()).await.is_err() {
            tracing::warn!("some servers took too long to stop");
        }
    }
}

impl relay::Nursery for Nursery {
    fn reserve(&self) -> Result<Box<dyn relay::Slot>, ErrorBody> {
        let permit = Arc::clone(&self.0.slots).try_acquire_owned().map_err(|_| {
            let limit = self.0.max_children;
            let message =
                format!("{limit} servers are running, which is the limit (--maxChildren)");
            ErrorBody::new(Code::Unavailable, message)
        })?;
        Ok(Box::new(Slot { permit, nursery: Arc::clone(&self.0) }))
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
        let failed = |error: Error| Cause { message: error.to_string(), data: None };
        let child = nursery.take().map_err(failed)?;
        let outbox = Arc::new(Outbox::default());
        let (stop, stopped) = oneshot::channel();
        let serving = Serving { child, client, outbox: Arc::clone(&outbox), permit };
        let all = nursery.stop.clone();
        nursery.serving.spawn(serving.run(stopped, all));
        Ok(Launched { outbox, stop })
    }
}

struct Serving {
    child: Child,
    client: Arc<Private>,
    outbox: Arc<Outbox>,
    permit: OwnedSemaphorePermit,
}

impl Serving {
    /// Carries the server to its end.
    async fn run(self, stopped: oneshot::Receiver<()>, all: CancellationToken) {
        let Self { child, client, outbox, permit } = self;
        let told = async {
            tokio::select! {
                // The client has gone, in whichever way the sender was lost.
                _ = stopped => {}
                () = all.cancelled() => {}
                () = client.expire_calls() => {}
            }
            Stop::Asked(STOP_AFTER_FAILURE)
        };
        let ended = child.serve(outbox, Arc::clone(&client), told).await;
        if !ended.asked {
            console_error!("[mcp-proxy] {}", ended.cause.message);
        }
        client.ended(&ended.cause);
        drop(permit);
    }
}

impl Inner {
    /// A server that nobody has: a spare if one is left, else a new one.
    fn take(self: &Arc<Self>) -> Result<Child, Error> {
        let spare = loop {
            let Some(mut spare) = self.spares().pop_front() else { break None };
            if spare.is_running() {
                break Some(spare);
            }
        };
        let Some(spare) = spare else { return Child::spawn(&self.command, self.guard.as_ref()) };
        let nursery = Arc::clone(self);
        // Not at the client's expense.
        self.serving.spawn(async move {
            if let Err(error) = nursery.refill() {
                tracing::warn!(%error, "no server could be started ahead");
            }
        });
        Ok(spare)
    }

    fn refill(&self) -> Result<(), Error> {
        while self.spares().len() < self.prewarm && !self.stop.is_cancelled() {
            let spare = Child::spawn(&self.command, self.guard.as_ref())?;
            self.spares().push_back(spare);
        }
        Ok(())
    }

    fn spares(&self) -> std::sync::MutexGuard<'_, VecDeque<Child>> {
        self.spares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
