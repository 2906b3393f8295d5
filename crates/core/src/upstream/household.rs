//! Servers of 2026-07-28 that are not shared by everybody.
//!
//! A session has a server to itself, and so has what comes without one where each request is to
//! have its own. Requests of that revision know no sessions: those of one principal share a server,
//! which is kept a while for the next. Each server is kept running as one that all clients share.

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
    nursery::Nursery,
    resident::Resident,
    supervisor::Supervisor,
};
use crate::{
    config::{Isolation, UpstreamConfig, UpstreamProtocol},
    era::Era,
    jsonrpc::{Code, ErrorBody},
    relay::{
        Backend, Client, Connection, OpenError, Principal, Readiness, Servers, Shared, Unready,
    },
    telemetry::console_error,
};

/// How long a server waits for the next request of its principal.
const IDLE: Duration = Duration::from_mins(1);
/// How often it is looked for what has waited too long.
const SWEEP: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Households(Arc<Village>);

#[derive(Debug)]
pub(super) struct Village {
    me: Weak<Self>,
    nursery: Nursery,
    config: UpstreamConfig,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// Nothing while a server is being started.
    households: BTreeMap<u64, Option<Household>>,
    principals: HashMap<Principal, Kept>,
    sweeping: bool,
}

#[derive(Debug)]
struct Household {
    supervisor: Supervisor,
    permit: OwnedSemaphorePermit,
}

/// A server that is being started, for everybody who waits for it.
type Coming = future::Shared<future::BoxFuture<'static, Result<Arc<Shared>, OpenError>>>;

/// The server of a principal.
#[derive(Debug)]
struct Kept {
    number: u64,
    server: Coming,
    guests: usize,
    idle_since: Instant,
}

/// Somebody's use of a server; ends when dropped.
#[derive(Debug)]
pub(super) struct Stay {
    village: Arc<Village>,
    number: u64,
    /// Whose server it is, if it is to be kept.
    principal: Option<Principal>,
}

impl Drop for Stay {
    fn drop(&mut self) {
        let Some(principal) = &self.principal else { return self.village.end(self.number) };
        let mut state = self.village.lock();
        let kept = state.principals.get_mut(principal).filter(|kept| kept.number == self.number);
        if let Some(kept) = kept {
            kept.guests -= 1;
            kept.idle_since = Instant::now();
        }
    }
}

impl Households {
    /// Households whose servers come from there.
    pub(crate) fn new(nursery: Nursery, config: &UpstreamConfig) -> Self {
        let config = UpstreamConfig {
            protocol: UpstreamProtocol::Modern,
            listen_early: false,
            ..config.clone()
        };
        let state = Mutex::default();
        Self(Arc::new_cyclic(|me| Village { me: Weak::clone(me), nursery, config, state }))
    }

    /// Ends all servers and everything they have started, within `budget`.
    pub(crate) async fn stop(self, budget: Duration) {
        let (households, principals) = {
            let mut state = self.0.lock();
            (std::mem::take(&mut state.households), std::mem::take(&mut state.principals))
        };
        drop(principals);
        for household in households.into_values().flatten() {
            self.0.nursery.spawn(household.supervisor.stop(budget));
        }
        self.0.nursery.clone().stop(budget).await;
    }
}

impl Backend for Households {
    fn open(
        &self,
        client: Client,
    ) -> future::BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>> {
        Box::pin(async move {
            let keeps = client.era == Era::Modern && self.0.config.isolation == Isolation::Session;
            let (server, stay) =
                if keeps { self.0.visit(client.principal.clone())? } else { self.0.move_in()? };
            let connection = server.await?.open(client).await?;
            let resident: Arc<dyn Connection> = Arc::new(Resident::new(connection, stay));
            Ok(resident)
        })
    }

    fn end_subscriptions(&self) {
        self.0.servers().iter().for_each(|server| server.end_subscriptions());
    }
}

impl Readiness for Households {
    fn unready(&self) -> Option<Unready> {
        self.0.nursery.unready()
    }

    fn servers(&self) -> Servers {
        let mut all = self.0.nursery.servers();
        for server in self.0.servers() {
            let Servers { pids, restarts, queued_bytes, .. } = server.servers();
            all.pids.extend(pids);
            all.restarts += restarts;
            all.queued_bytes += queued_bytes;
        }
        all
    }
}

impl Village {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn servers(&self) -> Vec<Arc<Shared>> {
        let state = self.lock();
        let running = state.households.values().flatten();
        running.map(|household| household.supervisor.backend()).collect()
    }

    /// A server of one's own.
    fn move_in(self: &Arc<Self>) -> Result<(Coming, Stay), ErrorBody> {
        let started = self.start(&mut self.lock());
        let (number, server) = started.inspect_err(|_| self.make_room())?;
        Ok((server, Stay { village: Arc::clone(self), number, principal: None }))
    }

    /// The server of this principal.
    fn visit(self: &Arc<Self>, principal: Principal) -> Result<(Coming, Stay), ErrorBody> {
        let found = self.lock().kept(&principal, |state| self.start(state));
        let (number, server, before) = found.inspect_err(|_| self.make_room())?;
        if let Some(before) = before {
            self.end(before.number);
        }
        self.sweep_from_now_on();
        Ok((server, Stay { village: Arc::clone(self), number, principal: Some(principal) }))
    }

    /// There are too many servers: those that wait give way to whoever comes next.
    fn make_room(&self) {
        self.end_where(|kept| kept.guests == 0);
    }

    fn start(&self, state: &mut State) -> Result<(u64, Coming), ErrorBody> {
        let permit = self.nursery.permit()?;
        let number = state.next;
        state.next += 1;
        state.households.insert(number, None);
        let village = Weak::clone(&self.me);
        let starting = self.nursery.spawn(async move {
            let village = village.upgrade().ok_or_else(stopping)?;
            village.settle(number, permit).await
        });
        let starting = starting.map(|started| started.unwrap_or_else(|_| Err(stopping().into())));
        Ok((number, starting.boxed().shared()))
    }

    /// Starts the server of a household, unless nobody waits for it any more when it is there.
    async fn settle(
        self: Arc<Self>,
        number: u64,
        permit: OwnedSemaphorePermit,
    ) -> Result<Arc<Shared>, OpenError> {
        let started = Supervisor::raise(self.config.clone(), self.nursery.clone()).await;
        let supervisor = match started {
            Ok(supervisor) => supervisor,
            Err(error) => {
                let cause = failure(&error);
                console_error!("[mcp-proxy] {}", cause.message);
                self.nursery.failed(cause.message.clone());
                self.lock().households.remove(&number);
                return Err(cause.error().into());
            }
        };
        self.nursery.succeeded();
        let server = supervisor.backend();
        match self.occupy(number, Household { supervisor, permit }) {
            None => Ok(server),
            Some(unwanted) => {
                unwanted.supervisor.stop(STOP_AFTER_FAILURE).await;
                Err(stopping().into())
            }
        }
    }

    /// Gives a household that was started its place; gives it back if it has none any more.
    fn occupy(&self, number: u64, household: Household) -> Option<Household> {
        match self.lock().households.get_mut(&number) {
            Some(place) => place.replace(household),
            None => Some(household),
        }
    }

    /// Ends a server.
    fn end(&self, number: u64) {
        let household = self.lock().households.remove(&number).flatten();
        if let Some(household) = household {
            self.nursery.count_restarts(household.supervisor.backend().servers().restarts);
            self.nursery.spawn(async move {
                let Household { supervisor, permit } = household;
                supervisor.stop(STOP_AFTER_FAILURE).await;
                drop(permit);
            });
        }
    }

    fn end_where(&self, wanted: impl Fn(&Kept) -> bool) {
        let mut state = self.lock();
        let gone: Vec<Kept> =
            state.principals.extract_if(|_, kept| wanted(kept)).map(|(_, kept)| kept).collect();
        drop(state);
        for kept in gone {
            self.end(kept.number);
        }
    }

    fn sweep_from_now_on(&self) {
        if std::mem::replace(&mut self.lock().sweeping, true) {
            return;
        }
        let village = Weak::clone(&self.me);
        let stop = self.nursery.stopping();
        self.nursery.spawn(async move {
            while stop.run_until_cancelled(sleep(SWEEP)).await.is_some() {
                let Some(village) = village.upgrade() else { return };
                let now = Instant::now();
                village.end_where(|kept| {
                    kept.is_over() || kept.guests == 0 && now - kept.idle_since >= IDLE
                });
                let mut state = village.lock();
                state.sweeping = !state.principals.is_empty();
                if !state.sweeping {
                    return;
                }
            }
        });
    }
}

impl State {
    /// The server of a principal with one more guest: the one it has, or another in place of none
    /// or of the one returned.
    fn kept(
        &mut self,
        principal: &Principal,
        start: impl FnOnce(&mut Self) -> Result<(u64, Coming), ErrorBody>,
    ) -> Result<(u64, Coming, Option<Kept>), ErrorBody> {
        if let Some(kept) = self.principals.get_mut(principal).filter(|kept| !kept.is_over()) {
            kept.guests += 1;
            return Ok((kept.number, kept.server.clone(), None));
        }
        let (number, server) = start(self)?;
        let kept = Kept { number, server: server.clone(), guests: 1, idle_since: Instant::now() };
        Ok((number, server, self.principals.insert(principal.clone(), kept)))
    }
}

impl Kept {
    /// Whether it could not be started, or has ended for good.
    fn is_over(&self) -> bool {
        match self.server.peek() {
            Some(Ok(server)) => server.is_down(),
            Some(Err(_)) => true,
            None => false,
        }
    }
}

fn stopping() -> ErrorBody {
    ErrorBody::new(Code::Internal, "the MCP server is being stopped")
}
