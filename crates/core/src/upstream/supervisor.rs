//! Keeps a shared server running: starts, watches and restarts it, and stops it with the proxy.
//!
//! One task supervises the server and is the only one that knows its process; everything else uses
//! the [`Shared`] to which it reports.

use std::{future::pending, sync::Arc, time::Duration};

use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, sleep},
};

use super::{
    child::{Child, Ended, Stop, failure},
    guard::Guard,
    hang::hang,
    negotiation::{Connected, Negotiation},
    nursery::Nursery,
    restart::{History, Run, Verdict, chance},
};
use crate::{
    config::{CommandConfig, UpstreamConfig},
    error::Error,
    relay::{Cause, Ids, Limits, Outbox, Shared},
    runtime::task,
    telemetry::console_error,
    watch::{Detail, Frame, Life, Point, TAP},
};

/// A server that all clients share, and its supervision.
#[derive(Debug)]
pub(crate) struct Supervisor {
    shared: Arc<Shared>,
    stop: oneshot::Sender<Duration>,
    supervision: JoinHandle<()>,
    expiry: JoinHandle<()>,
    tending: JoinHandle<()>,
}

impl Supervisor {
    /// Starts the server and makes the handshake, unless that may happen later.
    pub(crate) async fn start(config: UpstreamConfig, guard: Option<Guard>) -> Result<Self, Error> {
        let shared = shared(&config);
        let (command, volume) = (config.command.clone(), Arc::clone(shared.volume()));
        let spawn = move || Child::spawn(&command, guard.as_ref(), &volume);
        Self::supervise(config, shared, Box::new(spawn)).await
    }

    /// As [`Self::start`], with processes of the nursery, and with this command if it has one of
    /// its own. A server that has given up is replaced by another.
    pub(super) async fn raise(
        mut config: UpstreamConfig,
        nursery: Nursery,
        command: Option<CommandConfig>,
    ) -> Result<Self, Error> {
        config.restart.retry = None;
        let shared = shared(&config);
        let spawn = move || match &command {
            Some(command) => nursery.run(command),
            None => nursery.take(),
        };
        Self::supervise(config, shared, Box::new(spawn)).await
    }

    async fn supervise(
        config: UpstreamConfig,
        shared: Arc<Shared>,
        spawn: Spawn,
    ) -> Result<Self, Error> {
        let mut negotiation = Negotiation::default();
        let first = if config.listen_early {
            None
        } else {
            Some(negotiation.connect(&config, &spawn).await?)
        };
        let (stop, stopped) = oneshot::channel();
        let expiry = task::spawn(Arc::clone(&shared).expire_calls());
        let tending = task::spawn(Arc::clone(&shared).tend());
        let history = History::default();
        let watch = Watch { config, spawn, negotiation, shared: Arc::clone(&shared), history };
        let first = first.map(|connected| watch.admit(connected));
        let supervision = task::spawn(watch.keep(first, stopped));
        Ok(Self { shared, stop, supervision, expiry, tending })
    }

    /// What its clients connect to.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Ends the server and everything it has started, within `budget`.
    pub(crate) async fn stop(self, budget: Duration) {
        if self.stop.send(budget).is_err() {
            tracing::debug!("the supervision had ended already");
        }
        if let Err(error) = self.supervision.await {
            tracing::error!(%error, "the supervision of the server failed");
        }
        self.expiry.abort();
        self.tending.abort();
    }
}

/// Starts a process.
type Spawn = Box<dyn Fn() -> Result<Child, Error> + Send + Sync>;

fn shared(config: &UpstreamConfig) -> Arc<Shared> {
    let limits = Limits { silence: config.request_timeout, total: config.max_request_time };
    Shared::new(Ids::Unguessable, limits, config.restart.wait)
}

/// A server that takes calls.
struct Admitted {
    child: Child,
    outbox: Arc<Outbox>,
    since: Instant,
}

/// The state of the supervision.
struct Watch {
    config: UpstreamConfig,
    spawn: Spawn,
    negotiation: Negotiation,
    shared: Arc<Shared>,
    history: History,
}

impl Watch {
    async fn connect(&mut self) -> Result<Connected, Error> {
        self.negotiation.connect(&self.config, &self.spawn).await
    }

    /// Sends calls to a server from now on.
    fn admit(&self, (child, initialize): Connected) -> Admitted {
        let outbox = Arc::new(Outbox::default());
        self.shared.connected(Arc::clone(&outbox), initialize, child.pid());
        Admitted { child, outbox, since: Instant::now() }
    }

    /// Keeps a server running until it is told to stop or retrying is pointless.
    async fn keep(mut self, first: Option<Admitted>, stopped: oneshot::Receiver<Duration>) {
        let mut stopped = Stopped(Some(stopped));
        let mut next = first;
        loop {
            let (cause, run) = match next.take() {
                Some(admitted) => match self.serve(admitted, &mut stopped).await {
                    Some(failed) => failed,
                    None => return,
                },
                None => match stopped.unless(self.connect()).await {
                    Ok(Ok(connected)) => {
                        next = Some(self.admit(connected));
                        continue;
                    }
                    Ok(Err(error)) => {
                        (failure(&error), Run { served: Duration::ZERO, succeeded: false })
                    }
                    Err(_) => return self.shared.closed(&stopping()),
                },
            };
            if !self.pause(cause, run, &mut stopped).await {
                return;
            }
        }
    }

    /// Runs one server to its end; `None` if the end was requested.
    async fn serve(&self, admitted: Admitted, stopped: &mut Stopped) -> Option<(Cause, Run)> {
        let Admitted { child, outbox, since } = admitted;
        let told = async {
            tokio::select! {
                budget = stopped.asked() => Stop::Asked(budget),
                reason = hang(|| self.shared.ping(), self.config.ping) => Stop::Hung(reason),
            }
        };
        let Ended { cause, asked, succeeded } =
            child.serve(outbox, Arc::clone(&self.shared), told).await;
        if asked {
            self.shared.closed(&cause);
            return None;
        }
        Some((cause, Run { served: since.elapsed(), succeeded }))
    }

    /// Reports an end and waits until the next start is due; `false` if there will be none.
    async fn pause(&mut self, mut cause: Cause, run: Run, stopped: &mut Stopped) -> bool {
        let whose = self.config.command.name.as_ref();
        let whose = whose.map_or_else(String::new, |name| format!("{name}: "));
        console_error!("[mcp-proxy] {whose}{}", cause.message);
        match self.history.judge(&self.config.restart, run, chance()) {
            Verdict::GiveUp(reason) => {
                cause.message = format!("{}; {reason}", cause.message);
                console_error!("[mcp-proxy] {whose}{reason}");
                self.shared.closed(&cause);
                false
            }
            Verdict::Rest { reason, after } => {
                cause.message = format!("{}; {reason}", cause.message);
                console_error!("[mcp-proxy] {whose}{reason}");
                self.shared.closed(&cause);
                stopped.unless(sleep(after)).await.is_ok()
            }
            Verdict::Restart { attempt, after } => {
                let millis = after.as_millis();
                tracing::warn!("restarting the MCP server in {millis} ms (restart {attempt})");
                self.shared.lost(&cause, attempt);
                TAP.show(|| {
                    let program = || self.config.command.program.to_string_lossy().into_owned();
                    let name = self.config.command.name.clone().unwrap_or_else(program);
                    let life = Life::Restarting { name, attempt, after };
                    Frame::event(Point::Server, Detail::Life(life))
                });
                let waited = stopped.unless(sleep(after)).await.is_ok();
                if !waited {
                    self.shared.closed(&stopping());
                }
                waited
            }
        }
    }
}

/// The request to end everything; received once.
struct Stopped(Option<oneshot::Receiver<Duration>>);

impl Stopped {
    /// Waits for the request to stop; never returns if it was received before.
    async fn asked(&mut self) -> Duration {
        let Some(stopped) = &mut self.0 else { return pending().await };
        // If the owner was dropped without a request, that means stop, too.
        let budget = stopped.await.unwrap_or_default();
        self.0 = None;
        budget
    }

    /// The result of `work`, or the request to stop if that comes first.
    async fn unless<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Duration> {
        tokio::select! {
            budget = self.asked() => Err(budget),
            outcome = work => Ok(outcome),
        }
    }
}

fn stopping() -> Cause {
    Cause { message: "the proxy is shutting down".to_owned(), data: None }
}
