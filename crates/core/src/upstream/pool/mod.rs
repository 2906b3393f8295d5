//! 2026-07-28 servers that are not shared by all clients.
//!
//! A session has a server to itself, and so has a request without a session if each is to have its
//! own. Requests of that revision have no sessions: those of one principal share a server, which is
//! kept a while for the next one. Each server is supervised like one that all clients share.

mod backend;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use futures_util::{FutureExt as _, future};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep},
};

use super::{
    child::{STOP_AFTER_FAILURE, failure},
    claims,
    guard::Guard,
    hold::{Coming, Hold, Source},
    nursery::Nursery,
    promises::{Place, Promises},
    shares::Shares,
    supervisor::Supervisor,
};
use crate::{
    config::{CommandConfig, Isolation, UpstreamConfig, UpstreamProtocol},
    era::Era,
    error::Error,
    identity::Identity,
    jsonrpc::{Code, ErrorBody},
    relay::{Client, OpenError, Readiness, Shared},
    runtime::seats::Seats,
    telemetry::console_error,
};

/// How long a server waits for the next request of its principal.
const IDLE: Duration = Duration::from_mins(1);
/// How long a server waits for requested input, at most.
const LONGEST_ANSWER: Duration = Duration::from_mins(10);
/// How often servers that have waited too long are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct ServerPool(Arc<Pool>);

#[derive(Debug)]
pub(super) struct Pool {
    me: Weak<Self>,
    nursery: Nursery,
    config: UpstreamConfig,
    /// Servers that are ending, which takes a moment.
    leaving: Arc<Seats>,
    promises: Arc<Promises>,
    shares: Arc<Shares>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// `None` while the server is starting.
    running: BTreeMap<u64, Option<Running>>,
    principals: HashMap<Identity, Kept>,
    sweeping: bool,
}

#[derive(Debug)]
struct Running {
    supervisor: Supervisor,
    permit: OwnedSemaphorePermit,
}

/// The server of a principal.
#[derive(Debug)]
struct Kept {
    number: u64,
    server: Coming,
    holds: usize,
    idle_since: Instant,
}

impl Source for Pool {
    fn release(&self, number: u64, principal: Option<&Identity>) {
        let Some(principal) = principal else { return self.end(number) };
        let mut state = self.lock();
        let kept = state.principals.get_mut(principal).filter(|kept| kept.number == number);
        if let Some(kept) = kept {
            kept.holds -= 1;
            kept.idle_since = Instant::now();
        }
    }

    fn sweep_from_now_on(&self) {
        if std::mem::replace(&mut self.lock().sweeping, true) {
            return;
        }
        let pool = Weak::clone(&self.me);
        let stop = self.nursery.stopping();
        self.nursery.spawn(async move {
            while stop.run_until_cancelled(sleep(SWEEP)).await.is_some() {
                let Some(pool) = pool.upgrade() else { return };
                let now = Instant::now();
                pool.end_where(|kept| {
                    kept.is_over() || kept.holds == 0 && now - kept.idle_since >= IDLE
                });
                drop(pool.promises.expired(now));
                let mut state = pool.lock();
                state.sweeping = !state.principals.is_empty() || !pool.promises.is_empty();
                if !state.sweeping {
                    return;
                }
            }
        });
    }
}

impl ServerPool {
    /// A pool with a server for each identity, whichever era the servers speak.
    pub(crate) async fn of_identities(
        config: &UpstreamConfig,
        guard: Option<Guard>,
    ) -> Result<Self, Error> {
        // A server without a caller says nothing about the era, and servers cannot be started
        // before their callers are known.
        let nobodys = UpstreamConfig {
            command: claims::nobodys(&config.command),
            protocol: UpstreamProtocol::Legacy,
            prewarm: 0,
            ..config.clone()
        };
        let nursery = Nursery::start(&nobodys, guard).await?;
        Ok(Self::holding(nursery, UpstreamConfig { listen_early: false, ..config.clone() }))
    }

    /// A pool whose servers come from this nursery.
    pub(crate) fn new(nursery: Nursery, config: &UpstreamConfig) -> Self {
        let config = UpstreamConfig {
            protocol: UpstreamProtocol::Modern,
            listen_early: false,
            ..config.clone()
        };
        Self::holding(nursery, config)
    }

    fn holding(nursery: Nursery, config: UpstreamConfig) -> Self {
        let state = Mutex::default();
        let patience = config.request_timeout.unwrap_or(LONGEST_ANSWER).min(LONGEST_ANSWER);
        let promises = Arc::new(Promises::new(patience, config.max_children));
        let shares = Shares::of(&config);
        Self(Arc::new_cyclic(|me| Pool {
            me: Weak::clone(me),
            nursery,
            config,
            leaving: Seats::new(None),
            promises,
            shares,
            state,
        }))
    }

    /// How many of its servers each client has.
    pub(super) fn shares(&self) -> Arc<Shares> {
        Arc::clone(&self.0.shares)
    }

    /// Ends all servers and everything they have started, within `budget`.
    pub(crate) async fn stop(self, budget: Duration) {
        let (running, principals) = {
            let mut state = self.0.lock();
            (std::mem::take(&mut state.running), std::mem::take(&mut state.principals))
        };
        drop((principals, self.0.promises.all()));
        for running in running.into_values().flatten() {
            self.0.nursery.spawn(running.supervisor.stop(budget));
        }
        self.0.nursery.clone().stop(budget).await;
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn servers(&self) -> Vec<Arc<Shared>> {
        let state = self.lock();
        let running = state.running.values().flatten();
        running.map(|running| running.supervisor.shared()).collect()
    }

    /// A server for this client, once there is room for it.
    async fn place(self: &Arc<Self>, client: &Client) -> Result<Place, OpenError> {
        let keeps = match self.config.isolation {
            Isolation::Identity => true,
            Isolation::Session => client.era == Era::Modern && client.principal.is_one_caller(),
            Isolation::Shared | Isolation::Request => false,
        };
        let owner = keeps.then(|| client.principal.clone());
        let (server, hold) = match self.enter(owner.clone()) {
            Ok(entered) => entered,
            Err(error) => {
                let Some(room) = self.make_room() else { return Err(error.into()) };
                room.await;
                self.enter(owner)?
            }
        };
        Ok(Place { server, hold })
    }

    /// The server of this principal, or a new one.
    fn enter(self: &Arc<Self>, owner: Option<Identity>) -> Result<(Coming, Hold), ErrorBody> {
        match owner {
            Some(principal) => self.join(principal),
            None => self.take(),
        }
    }

    /// A new server, used by nobody else.
    fn take(self: &Arc<Self>) -> Result<(Coming, Hold), ErrorBody> {
        let (number, server) = self.start(&mut self.lock(), None)?;
        Ok((server, Hold::new(Arc::<Self>::clone(self), number, None)))
    }

    /// The server of this principal.
    fn join(self: &Arc<Self>, principal: Identity) -> Result<(Coming, Hold), ErrorBody> {
        let start = |state: &mut State| self.start(state, Some(&principal));
        let found = self.lock().kept(&principal, start);
        let (number, server, before) = found?;
        if let Some(before) = before {
            self.end(before.number);
        }
        self.sweep_from_now_on();
        Ok((server, Hold::new(Arc::<Self>::clone(self), number, Some(principal))))
    }

    /// There are too many servers: ends those that wait for a request, or else the one that has
    /// waited longest for input. Returns what to wait for until they have ended, or those that are
    /// ending already, if there are any.
    fn make_room(&self) -> Option<future::BoxFuture<'static, ()>> {
        let ended = self.end_where(|kept| kept.holds == 0)
            || self.leaving.taken() == 0 && self.promises.oldest().is_some();
        (ended || self.leaving.taken() > 0).then(|| self.nursery.room())
    }

    fn start(
        &self,
        state: &mut State,
        principal: Option<&Identity>,
    ) -> Result<(u64, Coming), ErrorBody> {
        let command = principal
            .map(|principal| claims::introduced(&self.config.command, principal))
            .transpose()?;
        let permit = self.nursery.permit()?;
        let number = state.next;
        state.next += 1;
        state.running.insert(number, None);
        let pool = Weak::clone(&self.me);
        let starting = self.nursery.spawn(async move {
            let pool = pool.upgrade().ok_or_else(stopping)?;
            pool.settle(number, permit, command).await
        });
        let starting = starting.map(|started| started.unwrap_or_else(|_| Err(stopping().into())));
        Ok((number, starting.boxed().shared()))
    }

    /// Starts the server of a running, unless nobody waits for it any more when it is ready.
    async fn settle(
        self: Arc<Self>,
        number: u64,
        permit: OwnedSemaphorePermit,
        command: Option<CommandConfig>,
    ) -> Result<Arc<Shared>, OpenError> {
        let mut config = self.config.clone();
        let is_own = config.isolation == Isolation::Identity;
        let command = command.filter(|_| is_own).inspect(|own| config.command = own.clone());
        let started = Supervisor::raise(config, self.nursery.clone(), command).await;
        let supervisor = match started {
            Ok(supervisor) => supervisor,
            Err(error) => {
                let cause = failure(&error);
                console_error!("[mcp-proxy] {}", cause.message);
                self.nursery.failed(cause.message.clone());
                self.lock().running.remove(&number);
                return Err(cause.error().into());
            }
        };
        self.nursery.succeeded();
        let server = supervisor.shared();
        match self.occupy(number, Running { supervisor, permit }) {
            None => Ok(server),
            Some(unwanted) => {
                unwanted.supervisor.stop(STOP_AFTER_FAILURE).await;
                Err(stopping().into())
            }
        }
    }

    /// Puts a started running into its place; returns it if it has no place any more.
    fn occupy(&self, number: u64, running: Running) -> Option<Running> {
        match self.lock().running.get_mut(&number) {
            Some(place) => place.replace(running),
            None => Some(running),
        }
    }

    /// Ends a server.
    fn end(&self, number: u64) {
        let running = self.lock().running.remove(&number).flatten();
        if let Some(running) = running {
            self.nursery.count_restarts(running.supervisor.shared().servers().restarts);
            let leaving = self.leaving.take(1);
            self.nursery.spawn(async move {
                let Running { supervisor, permit } = running;
                supervisor.stop(STOP_AFTER_FAILURE).await;
                drop((permit, leaving));
            });
        }
    }

    /// Ends the servers of these; `false` if there are none.
    fn end_where(&self, wanted: impl Fn(&Kept) -> bool) -> bool {
        let mut state = self.lock();
        let gone: Vec<Kept> =
            state.principals.extract_if(|_, kept| wanted(kept)).map(|(_, kept)| kept).collect();
        drop(state);
        let any = !gone.is_empty();
        for kept in gone {
            self.end(kept.number);
        }
        any
    }
}

impl State {
    /// A principal's server with one more guest. If there is none, or it has ended, another one is
    /// started, and the ended one is returned, too.
    fn kept(
        &mut self,
        principal: &Identity,
        start: impl FnOnce(&mut Self) -> Result<(u64, Coming), ErrorBody>,
    ) -> Result<(u64, Coming, Option<Kept>), ErrorBody> {
        if let Some(kept) = self.principals.get_mut(principal).filter(|kept| !kept.is_over()) {
            kept.holds += 1;
            return Ok((kept.number, kept.server.clone(), None));
        }
        let (number, server) = start(self)?;
        let kept = Kept { number, server: server.clone(), holds: 1, idle_since: Instant::now() };
        Ok((number, server, self.principals.insert(principal.clone(), kept)))
    }
}

impl Kept {
    fn is_over(&self) -> bool {
        is_over(&self.server)
    }
}

/// Whether a server could not be started, or has ended for good.
fn is_over(server: &Coming) -> bool {
    match server.peek() {
        Some(Ok(server)) => server.is_down(),
        Some(Err(_)) => true,
        None => false,
    }
}

fn stopping() -> ErrorBody {
    ErrorBody::new(Code::Internal, "the MCP server is being stopped")
}
