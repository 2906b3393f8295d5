//! Servers that are served before it is known which era they speak.
//!
//! One is started at once to find out; clients that come before it has answered wait. If it fails,
//! whoever comes next has it tried again, as with any server that is started for its clients.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared, ready},
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    Guard, Upstream,
    child::failure,
    program,
    restart::{chance, pause},
    start::unshared,
};
use crate::{
    config::UpstreamConfig,
    error::Error,
    jsonrpc::{Code, ErrorBody},
    relay::{Backend, Client, Connection, OpenError, Readiness, Servers, Unready},
    runtime::task,
    telemetry::console_error,
};

const STARTING: &str = "the server has not answered yet";
const STOPPED: &str = "the proxy is shutting down";

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Late(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: UpstreamConfig,
    guard: Option<Guard>,
    state: Mutex<State>,
    stop: CancellationToken,
}

/// The attempt that everybody waits for.
type Coming = Shared<BoxFuture<'static, Result<(), Arc<Error>>>>;

#[derive(Debug)]
enum State {
    /// So many attempts have failed.
    Failed(u32, Arc<Error>),
    Coming(u32, Coming),
    Started(Box<dyn Upstream>),
    Stopped,
}

impl Late {
    /// A command that cannot be started is told at once.
    pub(super) fn start(config: UpstreamConfig, guard: Option<Guard>) -> Result<Self, Error> {
        program::check(&config.command)?;
        let (state, stop) = (Mutex::new(State::Stopped), CancellationToken::new());
        let late = Arc::new(Inner { config, guard, state, stop });
        drop(late.attempt(&mut late.lock(), 0));
        Ok(Self(late))
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an attempt, which ends whoever waits for it.
    fn attempt(self: &Arc<Self>, state: &mut State, failed: u32) -> Coming {
        let me = Arc::clone(self);
        let attempt = async move {
            let starting = unshared(&me.config, me.guard.clone());
            match me.stop.run_until_cancelled(starting).await {
                Some(outcome) => me.settle(outcome, failed),
                None => Ok(()),
            }
        };
        let coming: Coming = attempt.boxed().shared();
        *state = State::Coming(failed, coming.clone());
        task::spawn(coming.clone());
        coming
    }

    fn settle(
        self: &Arc<Self>,
        outcome: Result<Box<dyn Upstream>, Error>,
        failed: u32,
    ) -> Result<(), Arc<Error>> {
        let mut state = self.lock();
        match outcome {
            Ok(upstream) => {
                *state = State::Started(upstream);
                Ok(())
            }
            Err(error) => {
                console_error!("[mcp-proxy] {error}");
                let error = Arc::new(error);
                *state = State::Failed(failed + 1, Arc::clone(&error));
                task::spawn(Arc::clone(self).again(failed));
                Err(error)
            }
        }
    }

    /// Tries once more after a while, unless a client has had it tried by then.
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

    /// What clients connect to, once it is there.
    async fn backend(self: &Arc<Self>) -> Result<Arc<dyn Backend>, OpenError> {
        loop {
            let coming = {
                let mut state = self.lock();
                match &*state {
                    State::Started(upstream) => return Ok(upstream.backend()),
                    State::Coming(_, coming) => coming.clone(),
                    State::Failed(failed, _) => {
                        let failed = *failed;
                        self.attempt(&mut state, failed)
                    }
                    State::Stopped => return Err(stopped().into()),
                }
            };
            coming.await.map_err(|error| failure(&error).error())?;
        }
    }
}

impl Backend for Late {
    fn open(&self, client: Client) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>> {
        Box::pin(async move { self.0.backend().await?.open(client).await })
    }

    fn end_subscriptions(&self) {
        let backend = match &*self.0.lock() {
            State::Started(upstream) => upstream.backend(),
            _ => return,
        };
        backend.end_subscriptions();
    }
}

impl Readiness for Late {
    fn unready(&self) -> Option<Unready> {
        let unready = |state, reason| Some(Unready { state, reason, retry_after: None });
        match &*self.0.lock() {
            State::Started(upstream) => upstream.readiness().unready(),
            State::Coming(0, _) => unready("starting", STARTING.to_owned()),
            State::Coming(..) => unready("restarting", STARTING.to_owned()),
            State::Failed(_, error) => unready("failing", failure(error).message),
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
        self.0.stop.cancel();
        let state = std::mem::replace(&mut *self.0.lock(), State::Stopped);
        match state {
            State::Started(upstream) => upstream.stop(budget),
            // Its process is killed with it.
            _ => Box::pin(ready(())),
        }
    }
}

fn stopped() -> ErrorBody {
    ErrorBody::new(Code::Unavailable, STOPPED)
}
