//! Legacy servers for modern clients, if servers, or sessions with one, are not shared.
//!
//! A call has a server to itself, so that what the server asks meanwhile must be for its client.
//! Afterwards the server waits a while for another call of the same principal with the same
//! capabilities.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::{
    crossings::Crossings,
    key::Key,
    lease::{Lease, Lessor},
    legacy::{Legacy, Subscribed, Unsubscribed},
    origin::Origin,
    passage::Passage,
};
use crate::{
    era::modern_to_legacy::Greeting,
    identity::Identity,
    jsonrpc::{Code, ErrorBody, Message},
    relay::{Connection, Outgoing, Sink},
    runtime::task,
};

/// Provides legacy servers, each for one client.
pub(crate) trait ServerSource: fmt::Debug + Send + Sync {
    /// Reserves one server; refused if there are too many.
    fn reserve(&self) -> Result<OpenServer, ErrorBody>;

    /// Waits, for a limited time, until there may be room for one more.
    fn room(&self) -> BoxFuture<'static, ()>;
}

/// Takes the server; this sink gets the messages that its client did not ask for.
pub(crate) type OpenServer = Box<dyn FnOnce(Arc<dyn Sink>) -> Arc<dyn Connection> + Send>;

/// How long a server waits for its next call.
const IDLE: Duration = Duration::from_mins(1);
/// How often servers that have waited too long are looked for.
const SWEEP: Duration = Duration::from_millis(500);

/// Which servers wait for another call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// None.
    Nothing,
    /// Those of callers who can be told apart from all others.
    OneCallers,
    /// All, each for those of the same identity.
    Everything,
}

impl Keep {
    fn keeps_for(self, identity: &Identity) -> bool {
        match self {
            Self::Nothing => false,
            Self::OneCallers => identity.is_one_caller(),
            Self::Everything => true,
        }
    }
}

/// See the module.
pub(crate) struct Leases {
    me: Weak<Self>,
    source: Arc<dyn ServerSource>,
    /// How long a client may take to answer.
    patience: Option<Duration>,
    keeps: Keep,
    crossings: Arc<Crossings>,
    state: Mutex<State>,
}

/// Servers that wait for a call, and since when.
type Waiting = Vec<(Arc<Lease>, Instant)>;

#[derive(Default)]
struct State {
    /// Servers with a call, by their address.
    busy: HashMap<usize, Arc<Lease>>,
    idle: HashMap<Key, Waiting>,
    /// Servers that are ending.
    leaving: Vec<Weak<dyn Connection>>,
    listeners: Vec<(Identity, Weak<dyn Sink>)>,
    sweeping: bool,
}

impl fmt::Debug for Leases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leases").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Leases {
    /// Leases servers from this source; `keeps` says which of them wait for another call. A client
    /// that is asked something has at most `patience` to answer.
    pub(crate) fn new(
        source: Arc<dyn ServerSource>,
        patience: Option<Duration>,
        keeps: Keep,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            source,
            patience,
            keeps,
            crossings: Arc::default(),
            state: Mutex::default(),
        })
    }

    /// The connection for one request of this principal.
    pub(crate) fn open(self: &Arc<Self>, principal: Identity) -> Arc<dyn Connection> {
        let tenant = Tenant { leases: Arc::clone(self), principal: principal.clone() };
        Arc::new(Passage::new(Arc::new(tenant), principal, self.patience))
    }

    /// Ends every subscription with its result.
    pub(crate) fn end_subscriptions(&self) {
        self.crossings.end_subscriptions();
    }

    /// How many servers are leased, or wait for a call.
    #[cfg(test)]
    pub(in crate::relay) fn taken(&self) -> usize {
        let state = self.lock();
        state.busy.len() + state.idle.values().map(Vec::len).sum::<usize>()
    }

    /// Ends every server.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        let busy = mem::take(&mut state.busy).into_values();
        let idle = mem::take(&mut state.idle).into_values().flatten().map(|(lease, _)| lease);
        let all: Vec<_> = busy.chain(idle).collect();
        drop(state);
        for lease in all {
            self.dismiss(&lease);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A server for this kind of call: a waiting one, or a new one.
    fn take(&self, key: Key) -> Result<Arc<Lease>, ErrorBody> {
        while let Some(lease) = self.take_idle(&key) {
            if lease.is_usable() {
                return Ok(lease);
            }
            self.give_back(&key, &lease);
        }
        let open = self.source.reserve()?;
        let lease = Lease::open(key, Weak::<Self>::clone(&self.me), open);
        self.lock().busy.insert(address(&lease), Arc::clone(&lease));
        self.sweep_from_now_on();
        Ok(lease)
    }

    fn take_idle(&self, key: &Key) -> Option<Arc<Lease>> {
        let mut state = self.lock();
        let (lease, _) = state.idle.get_mut(key)?.pop()?;
        state.busy.insert(address(&lease), Arc::clone(&lease));
        Some(lease)
    }

    /// There are too many servers: ends those that wait for a call. Returns what to wait for until
    /// they have ended, or those that are ending already, if there are any.
    pub(crate) fn make_room(&self) -> Option<BoxFuture<'static, ()>> {
        let idle: Vec<_> = mem::take(&mut self.lock().idle).into_values().flatten().collect();
        for (lease, _) in &idle {
            self.dismiss(lease);
        }
        let leaves = self.lock().leaving.iter().any(|server| server.strong_count() > 0);
        leaves.then(|| self.source.room())
    }

    /// Ends a server, which takes it a moment.
    fn dismiss(&self, lease: &Lease) {
        lease.end();
        let leaving = &mut self.lock().leaving;
        leaving.retain(|server| server.strong_count() > 0);
        leaving.push(lease.server());
    }

    fn sweep_from_now_on(&self) {
        if mem::replace(&mut self.lock().sweeping, true) {
            return;
        }
        let leases = Weak::clone(&self.me);
        task::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                let Some(leases) = leases.upgrade() else { return };
                if !leases.sweep(Instant::now()) {
                    return;
                }
            }
        });
    }

    /// Ends servers that have waited too long; `false` if no more are left that could.
    fn sweep(&self, now: Instant) -> bool {
        let mut state = self.lock();
        let mut ended = Vec::new();
        let unusable = state.busy.extract_if(|_, lease| !lease.is_usable());
        let unusable: Vec<_> = unusable.map(|(_, lease)| lease).collect();
        state.idle.retain(|_, waiting| {
            let late = |(lease, since): &mut (Arc<Lease>, Instant)| {
                now.duration_since(*since) >= IDLE || !lease.is_usable()
            };
            ended.extend(waiting.extract_if(.., late));
            !waiting.is_empty()
        });
        state.listeners.retain(|(_, sink)| sink.strong_count() > 0);
        state.sweeping = !state.busy.is_empty() || !state.idle.is_empty();
        let sweeping = state.sweeping;
        drop(state);
        for lease in ended.into_iter().map(|(lease, _)| lease).chain(unusable) {
            self.dismiss(&lease);
        }
        sweeping
    }
}

impl Lessor for Leases {
    fn give_back(&self, key: &Key, lease: &Lease) {
        let mut state = self.lock();
        let Some(lease) = state.busy.remove(&std::ptr::from_ref(lease).addr()) else { return };
        if !self.keeps.keeps_for(&key.principal) || !lease.is_usable() {
            drop(state);
            return self.dismiss(&lease);
        }
        let now = Instant::now();
        match state.idle.entry(key.clone()) {
            Entry::Occupied(waiting) => waiting.into_mut().push((lease, now)),
            Entry::Vacant(none) => {
                none.insert(vec![(lease, now)]);
            }
        }
    }

    fn publish(&self, principal: &Identity, message: &Message) {
        let state = self.lock();
        let of_principal = state.listeners.iter().filter(|(owner, _)| owner == principal);
        let sinks: Vec<_> = of_principal.filter_map(|(_, sink)| sink.upgrade()).collect();
        drop(state);
        for sink in sinks {
            sink.write(Outgoing::of(message, &[], false));
        }
    }
}

fn address(lease: &Arc<Lease>) -> usize {
    Arc::as_ptr(lease).addr()
}

/// A server that was taken and has nothing to do yet. Dropping this ends it, since nobody else
/// knows about it.
struct Taken(Option<Arc<Lease>>);

impl Taken {
    async fn greeted(&self) -> Result<Greeting, Option<Message>> {
        match &self.0 {
            Some(lease) => lease.greeted().await,
            None => Err(None),
        }
    }

    /// The caller ends it from now on.
    fn keep(mut self) -> Option<Arc<Lease>> {
        self.0.take()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(lease) = &self.0 {
            lease.end();
        }
    }
}

/// Where the requests of one principal get their servers.
struct Tenant {
    leases: Arc<Leases>,
    principal: Identity,
}

impl Legacy for Tenant {
    fn crossings(&self) -> &Arc<Crossings> {
        &self.leases.crossings
    }

    fn origin(self: Arc<Self>, request: &Message) -> Result<Arc<dyn Origin>, ErrorBody> {
        Ok(self.leases.take(Key::of(&self.principal, request))?)
    }

    /// The subscription has a server of its own; changed lists are reported by all servers of its
    /// principal.
    fn subscribe(
        self: Arc<Self>,
        request: &Message,
        sink: Arc<dyn Sink>,
    ) -> BoxFuture<'static, Subscribed> {
        let key = Key::of(&self.principal, request);
        Box::pin(async move {
            let taken = match self.leases.take(key.clone()) {
                Ok(lease) => Taken(Some(lease)),
                Err(error) => {
                    let Some(room) = self.room() else { return Err(error.into()) };
                    room.await;
                    Taken(Some(self.leases.take(key)?))
                }
            };
            let greeting = taken.greeted().await.map_err(Unsubscribed::NotGreeted)?;
            let gone = || ErrorBody::new(Code::Internal, "the MCP server is being stopped");
            let lease = taken.keep().ok_or_else(gone)?;
            let listener = (self.principal.clone(), Arc::downgrade(&sink));
            self.leases.lock().listeners.push(listener);
            Ok((lease as Arc<dyn Connection>, greeting))
        })
    }

    fn room(&self) -> Option<BoxFuture<'static, ()>> {
        self.leases.make_room()
    }

    fn close(&self) {}
}
