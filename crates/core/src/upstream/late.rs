//! A server that starts late: clients may come before it runs, and wait for it.
//!
//! It starts when it is first needed, or when told to. If that fails, it is retried after a while,
//! and with the next client, like any server that is started for its clients. A server that has
//! ended for good is also started again for the next client.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared, ready},
};
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Upstream,
    child::failure,
    restart::{chance, pause},
};
use crate::{
    config::{RestartConfig, RestartWhen},
    error::Error,
    jsonrpc::{Code, ErrorBody},
    relay::{Backend, Client, Connection, OpenError, Readiness, Servers, Unready},
    runtime::task,
    telemetry::console_error,
};

const STARTING: &str = "the server has not answered yet";
const STOPPED: &str = "the proxy is shutting down";
const RESTING: &str = "the server is started when it is first needed";

/// Starts the server.
pub(crate) type Launch =
    Box<dyn Fn() -> BoxFuture<'static, Result<Box<dyn Upstream>, Error>> + Send + Sync>;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Late(Arc<Inner>);

struct Inner {
    launch: Launch,
    /// Failed attempts in a row.
    attempts: Option<u32>,
    /// The prefix of log lines.
    name: Option<String>,
    state: Mutex<State>,
    /// The last logged failure since the server ran.
    printed: Mutex<Option<String>>,
    /// Its state, for watchers.
    progress: watch::Sender<Stage>,
    stop: CancellationToken,
}

/// The state of a server.
#[derive(Clone, Debug, Default)]
pub(crate) enum Stage {
    /// It was not needed yet.
    #[default]
    Resting,
    Starting,
    /// It has answered.
    Started,
    /// It could not be started, or has ended for good, for this reason.
    Failed(String),
    Stopped,
}

/// The attempt for which everybody waits.
type Coming = Shared<BoxFuture<'static, Result<(), Arc<ErrorBody>>>>;

#[derive(Debug)]
enum State {
    Resting,
    /// This many attempts have failed.
    Failed(u32, Arc<ErrorBody>),
    Coming(u32, Coming),
    Started(Box<dyn Upstream>),
    Stopped,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Late").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Late {
    /// A server that is started when it is needed. Its log lines begin with the name.
    pub(crate) fn resting(
        launch: Launch,
        restart: Option<RestartConfig>,
        name: Option<String>,
    ) -> Self {
        let attempts = match restart {
            Some(RestartConfig { when: RestartWhen::Never, .. }) => Some(0),
            Some(restart) => restart.max_restarts,
            None => None,
        };
        let (state, stop) = (Mutex::new(State::Resting), CancellationToken::new());
        let progress = watch::Sender::default();
        let printed = Mutex::default();
        Self(Arc::new(Inner { launch, attempts, name, state, printed, progress, stop }))
    }

    /// Starts it, if that was not done yet.
    pub(crate) fn begin(&self) {
        let mut state = self.0.lock();
        if matches!(*state, State::Resting) {
            drop(self.0.attempt(&mut state, 0));
        }
    }

    /// Its state, with changes.
    pub(crate) fn stage(&self) -> watch::Receiver<Stage> {
        self.0.progress.subscribe()
    }

    /// Asks the server, if it is running.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&dyn Upstream) -> T) -> Option<T> {
        match &*self.0.lock() {
            State::Started(upstream) => Some(question(&**upstream)),
            _ => None,
        }
    }

    /// The server has ended for good: the next client starts it again. `false` if it was told to
    /// end.
    pub(crate) fn has_ended(&self, reason: String) -> bool {
        let mut state = self.0.lock();
        let by_itself = matches!(*state, State::Started(_));
        if by_itself {
            let error = ErrorBody::new(Code::Internal, reason.clone());
            *state = State::Failed(0, Arc::new(error));
            self.0.progress.send_replace(Stage::Failed(reason));
        }
        by_itself
    }

    /// Ends it and whatever it has started, within `budget`.
    pub(crate) fn end(&self, budget: Duration) -> BoxFuture<'static, ()> {
        self.0.stop.cancel();
        let state = std::mem::replace(&mut *self.0.lock(), State::Stopped);
        self.0.progress.send_replace(Stage::Stopped);
        match state {
            State::Started(upstream) => upstream.stop(budget),
            // Its process is killed with it.
            _ => Box::pin(ready(())),
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an attempt, and ends what waits for the previous one.
    fn attempt(self: &Arc<Self>, state: &mut State, failed: u32) -> Coming {
        let me = Arc::clone(self);
        let server = self.name.as_deref().map(Arc::from);
        let attempt = async move {
            let starting = (me.launch)();
            match me.stop.run_until_cancelled(starting).await {
                Some(outcome) => me.settle(outcome, failed),
                None => Ok(()),
            }
        };
        let coming: Coming = task::on_behalf(server, attempt).boxed().shared();
        *state = State::Coming(failed, coming.clone());
        self.progress.send_replace(Stage::Starting);
        task::spawn(coming.clone());
        coming
    }

    fn settle(
        self: &Arc<Self>,
        outcome: Result<Box<dyn Upstream>, Error>,
        failed: u32,
    ) -> Result<(), Arc<ErrorBody>> {
        let mut state = self.lock();
        if matches!(*state, State::Stopped) {
            return Ok(());
        }
        match outcome {
            Ok(upstream) => {
                *self.printed.lock().unwrap_or_else(PoisonError::into_inner) = None;
                *state = State::Started(upstream);
                self.progress.send_replace(Stage::Started);
                Ok(())
            }
            Err(error) => {
                self.print(&error);
                let cause = failure(&error);
                let error = Arc::new(cause.error());
                *state = State::Failed(failed + 1, Arc::clone(&error));
                self.progress.send_replace(Stage::Failed(cause.message));
                if self.attempts.is_none_or(|attempts| failed < attempts) {
                    task::spawn(Arc::clone(self).again(failed));
                }
                Err(error)
            }
        }
    }

    fn print(&self, error: &Error) {
        let text = error.to_string();
        let mut printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        // Logged once, however often it is tried.
        if printed.as_ref() == Some(&text) {
            return;
        }
        let name = self.name.as_ref().map_or_else(String::new, |name| format!("{name}: "));
        console_error!("[mcp-proxy] {name}{text}");
        *printed = Some(text);
    }

    /// Tries again after a while, unless a client has caused an attempt by then.
    async fn again(self: Arc<Self>, failed: u32) {
        let pausing = sleep(pause(failed, chance()));
        if self.stop.run_until_cancelled(pausing).await.is_none() {
            return;
        }
        let mut state = self.lock();
        if let State::Failed(failed, _) = *state {
            drop(self.attempt(&mut state, failed));
        }
    }

    /// What clients connect to, once it runs.
    async fn backend(self: &Arc<Self>) -> Result<Arc<dyn Backend>, OpenError> {
        loop {
            let coming = {
                let mut state = self.lock();
                match &*state {
                    State::Started(upstream) => return Ok(upstream.backend()),
                    State::Coming(_, coming) => coming.clone(),
                    State::Resting => self.attempt(&mut state, 0),
                    State::Failed(failed, _) => {
                        let failed = *failed;
                        self.attempt(&mut state, failed)
                    }
                    State::Stopped => return Err(stopped().into()),
                }
            };
            coming.await.map_err(|error| ErrorBody::clone(&error))?;
        }
    }
}

impl Backend for Late {
    fn open(&self, client: Client) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>> {
        let server = self.0.name.as_deref().map(Arc::from);
        let opening = async move { self.0.backend().await?.open(client).await };
        Box::pin(task::on_behalf(server, opening))
    }

    fn end_subscriptions(&self) {
        if let Some(backend) = self.ask(|upstream| upstream.backend()) {
            backend.end_subscriptions();
        }
    }

    fn lists_differ(&self) -> bool {
        self.ask(|upstream| upstream.backend()).is_some_and(|backend| backend.lists_differ())
    }
}

impl Readiness for Late {
    fn unready(&self) -> Option<Unready> {
        let unready = |state, reason| Some(Unready { state, reason, retry_after: None });
        match &*self.0.lock() {
            State::Started(upstream) => upstream.readiness().unready(),
            State::Resting => unready("lazy", RESTING.to_owned()),
            State::Coming(0, _) => unready("starting", STARTING.to_owned()),
            State::Coming(..) => unready("restarting", STARTING.to_owned()),
            State::Failed(0, error) => unready("stopped", error.message.clone()),
            State::Failed(_, error) => unready("failing", error.message.clone()),
            State::Stopped => unready("stopped", STOPPED.to_owned()),
        }
    }

    fn servers(&self) -> Servers {
        match &*self.0.lock() {
            State::Started(upstream) => upstream.readiness().servers(),
            _ => Servers::default(),
        }
    }
}

impl Upstream for Late {
    fn backend(&self) -> Arc<dyn Backend> {
        Arc::new(self.clone())
    }

    fn readiness(&self) -> Arc<dyn Readiness> {
        Arc::new(self.clone())
    }

    fn stop(self: Box<Self>, budget: Duration) -> BoxFuture<'static, ()> {
        self.end(budget)
    }
}

fn stopped() -> ErrorBody {
    ErrorBody::new(Code::Unavailable, STOPPED)
}
