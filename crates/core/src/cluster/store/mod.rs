//! The store that all replicas reach: who has which session, and everything needed to continue one.
//!
//! A message of a session that lives here never waits for the store. Writes go through a bounded
//! queue. Only a request for a session that is not here reads from the store.

mod connection;
mod founding;
mod heart;
mod keys;
mod log;
mod queue;
mod scripts;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use founding::{Founding, RemoteSession};
pub(crate) use keys::{LEASE, Leased, StoreError};
pub(crate) use log::{Entry, Logged, Underway, Unwritten};

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{try_join, try_join_all};
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use super::{
    directory::{Epoch, Lease},
    replica::ReplicaId,
    secrets::Secrets,
};
use crate::{
    config::{Durability, EventStoreConfig, StoreConfig},
    error::Error,
    metrics::{Histogram, StoreLevels},
    runtime::lock::{Mutex, MutexGuard},
};
use connection::{Connection, PATIENCE};
use founding::Sealer;
use keys::Keys;
use queue::{Queue, Written};
use scripts::Scripts;

/// How long the store keeps a session without writes, at least.
const MIN_KEPT: Duration = Duration::from_hours(1);
/// Rates that are sent at a time.
const SPENT_AT_A_TIME: usize = 256;

/// See the module.
pub(crate) struct Store {
    connection: Connection,
    scripts: Scripts,
    keys: Keys,
    own: ReplicaId,
    sealer: Sealer,
    /// The address at which other replicas dial this one.
    address: String,
    queue: Queue,
    held: Mutex<HashMap<Uuid, Holding>>,
    /// Sessions that have ended here, while the store does not know it yet.
    ending: Mutex<HashSet<Uuid>>,
    kept: Duration,
    events: EventStoreConfig,
    /// The store's failure, and since when.
    trouble: Mutex<Option<(String, Instant)>>,
    counts: Counts,
    latency: Arc<Histogram>,
    durability: Durability,
    /// What keys of rates are made from.
    rates: ring::hmac::Key,
    tasks: TaskTracker,
    end: CancellationToken,
}

/// A session that lives here.
struct Holding {
    epoch: Epoch,
    founding: Bytes,
    /// Ends it, because another replica has taken it.
    end: Arc<dyn Fn() + Send + Sync>,
}

#[derive(Debug, Default)]
struct Counts {
    taken: AtomicU64,
    lost: AtomicU64,
    errors: AtomicU64,
    dropped: AtomicU64,
    logged_bytes: AtomicU64,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("own", &self.own).finish_non_exhaustive()
    }
}

impl Store {
    /// A store that connects when it is first needed; requires a runtime.
    pub(crate) fn open(
        config: &StoreConfig,
        own: ReplicaId,
        address: String,
        secrets: &Secrets,
    ) -> Result<Arc<Self>, Error> {
        let connection = Connection::open(config).map_err(Error::Store)?;
        let sealer = Sealer::new(secrets).ok_or_else(|| Error::Store("no keys".to_owned()))?;
        let rates = secrets.derive(b"mcp-proxy rates 1").first().copied().unwrap_or_default();
        let (queue, written) = queue::queue();
        let store = Arc::new(Self {
            connection,
            scripts: Scripts::default(),
            keys: Keys(config.prefix.clone()),
            own,
            sealer,
            address,
            queue,
            held: Mutex::default(),
            ending: Mutex::default(),
            kept: config.kept.max(MIN_KEPT),
            events: config.events,
            trouble: Mutex::default(),
            counts: Counts::default(),
            latency: Arc::default(),
            durability: config.durability,
            rates: ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &rates),
            tasks: TaskTracker::new(),
            end: CancellationToken::new(),
        });
        store.run(written);
        Ok(store)
    }

    /// Fails with a sentence if it cannot be used.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        self.connection.check().await.map_err(Error::Store)?;
        let beating = self.beat().await;
        beating.map(drop).map_err(|error| Error::Store(connection::explain(&error)))
    }

    fn run(self: &Arc<Self>, written: Written) {
        self.tasks.spawn(Arc::clone(self).write(written));
        let store = Arc::clone(self);
        self.tasks.spawn(async move {
            tokio::select! {
                () = Arc::clone(&store).beat_on() => {}
                () = store.end.cancelled() => {}
            }
        });
    }

    /// The epoch of a session that is opened now.
    pub(crate) fn now() -> Epoch {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.unwrap_or_default().as_millis().try_into().unwrap_or(Epoch::MAX)
    }

    /// A new session lives here; `end` ends it if another replica takes it.
    pub(crate) fn hold(
        &self,
        id: Uuid,
        epoch: Epoch,
        founding: &Founding,
        end: Arc<dyn Fn() + Send + Sync>,
    ) {
        let founding = self.sealer.seal(id, founding);
        self.lock().insert(id, Holding { epoch, founding: founding.clone(), end });
        self.enqueue(Entry::founded(id, epoch, founding));
    }

    /// Whether a session lives here.
    pub(crate) fn holds(&self, id: Uuid) -> bool {
        self.lock().contains_key(&id)
    }

    /// Whether other replicas continue the sessions of this one.
    pub(crate) fn is_closed(&self) -> bool {
        self.end.is_cancelled()
    }

    /// The founding of a session that lives here has changed.
    pub(crate) fn update(&self, id: Uuid, founding: &Founding) {
        let founding = self.sealer.seal(id, founding);
        let mut held = self.lock();
        let Some(holding) = held.get_mut(&id) else { return };
        holding.founding = founding.clone();
        let epoch = holding.epoch;
        drop(held);
        self.enqueue(Entry::founded(id, epoch, founding));
    }

    /// The epoch of a session that lives here.
    fn epoch(&self, id: Uuid) -> Option<Epoch> {
        self.lock().get(&id).map(|holding| holding.epoch)
    }

    /// Something happened in a session that lives here.
    pub(crate) fn log(&self, id: Uuid, logged: Logged) {
        let Some(epoch) = self.epoch(id) else { return };
        self.enqueue(Entry::logged(id, epoch, logged));
    }

    /// A session that lives here has sent events, which are read when they are written; returns
    /// `false` if they are not: it does not live here.
    pub(crate) fn has_sent(&self, id: Uuid, events: Arc<dyn Unwritten>) -> bool {
        let Some(epoch) = self.epoch(id) else { return false };
        self.queue.mark(Entry { events: Some(events), ..Entry::of(id, epoch) })
    }

    /// The same for calls that have begun or ended.
    pub(crate) fn has_calls(&self, id: Uuid, calls: Arc<dyn Underway>) -> bool {
        let Some(epoch) = self.epoch(id) else { return false };
        self.queue.mark(Entry { calls: Some(calls), ..Entry::of(id, epoch) })
    }

    /// A session that lived here has ended.
    pub(crate) fn release(&self, id: Uuid) {
        if let Some(holding) = self.lock().remove(&id) {
            let epoch = holding.epoch;
            self.queue.unmark(id);
            self.ending().insert(id);
            let entry = Entry { ended: true, ..Entry::of(id, epoch) };
            if !self.enqueue(entry) {
                self.ending().remove(&id);
            }
        }
    }

    /// Whether a session has ended here, whatever the store says about it.
    pub(crate) fn is_ending(&self, id: Uuid) -> bool {
        self.ending().contains(&id)
    }

    fn ending(&self) -> MutexGuard<'_, HashSet<Uuid>> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the queue had room for it.
    fn enqueue(&self, entry: Entry) -> bool {
        let is_room = self.queue.push(entry);
        if !is_room {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
        is_room
    }

    /// Resolves like [`recorded`](Self::recorded); `None` if calls do not wait for the store.
    pub(crate) fn settled(&self) -> Option<impl Future<Output = ()> + Send + 'static + use<>> {
        if self.durability == Durability::Async { None } else { self.recorded() }
    }

    /// Resolves when the store has everything that was queued so far, or does not answer. `None`
    /// while it is unreachable.
    pub(crate) fn recorded(&self) -> Option<impl Future<Output = ()> + Send + 'static + use<>> {
        if self.trouble().is_some() {
            return None;
        }
        let flushed = self.queue.flushed()?;
        Some(async move {
            // Nothing is ever sent: the channel ends with an error.
            drop(tokio::time::timeout(PATIENCE, flushed).await);
        })
    }

    /// Another replica has taken this session.
    fn fenced(&self, id: Uuid, epoch: Epoch) {
        let mut held = self.lock();
        if held.get(&id).is_none_or(|holding| holding.epoch != epoch) {
            return;
        }
        let holding = held.remove(&id);
        drop(held);
        self.counts.lost.fetch_add(1, Ordering::Relaxed);
        if let Some(holding) = holding {
            tracing::warn!(session = %id, "another replica has taken over a session of this one");
            (holding.end)();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Holding>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who has a session.
    pub(crate) async fn record(&self, id: Uuid) -> Result<Option<Leased>, StoreError> {
        self.asked(self.scripts.record(&self.connection, &self.keys, id)).await
    }

    /// Where a replica can be dialled, if it has given a sign of life in time.
    pub(crate) async fn address_of(&self, id: ReplicaId) -> Result<Option<String>, StoreError> {
        self.asked(self.scripts.address(&self.connection, &self.keys, id)).await
    }

    /// Whether this replica can continue a session. A record of a version that it does not know, or
    /// under a secret that it does not have, stays as it is.
    pub(crate) async fn can_read(&self, id: Uuid) -> Result<bool, StoreError> {
        let reading = self.scripts.founding(&self.connection, &self.keys, id);
        let sealed = self.asked(reading).await?;
        let can = self.sealer.open(id, &sealed).is_some();
        if !can {
            tracing::error!(session = %id, "the stored data of a session cannot be read");
        }
        Ok(can)
    }

    /// Takes a session over if its lease is still `seen`; returns everything needed to continue it.
    pub(crate) async fn take(&self, id: Uuid, seen: Lease) -> Result<Option<Taken>, StoreError> {
        let taking = self.scripts.take(&self.connection, &self.keys, id, seen, self.own);
        let Some(lease) = self.asked(taking).await? else { return Ok(None) };
        let sealed = self.scripts.founding(&self.connection, &self.keys, id);
        let logged = self.scripts.log(&self.connection, &self.keys, id);
        let (sealed, logged) = self.asked(try_join(sealed, logged)).await?;
        let Some(founding) = self.sealer.open(id, &sealed) else { return Ok(None) };
        self.counts.taken.fetch_add(1, Ordering::Relaxed);
        Ok(Some(Taken { lease, founding, logged }))
    }

    /// Awaits an answer of the store, and notes from it whether the store works.
    async fn asked<T>(
        &self,
        question: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let outcome = question.await;
        self.latency.observe(began.elapsed());
        match &outcome {
            Ok(_) => self.recover(),
            Err(error) => self.fail(error),
        }
        outcome
    }

    /// A key that all replicas have for this purpose.
    pub(crate) fn key_for(&self, purpose: &str) -> [u8; 32] {
        let mut key = [0; 32];
        key.copy_from_slice(ring::hmac::sign(&self.rates, purpose.as_bytes()).as_ref());
        key
    }

    /// Reports how much of these rates was used here; returns how far ahead of each rate the caller
    /// is over all replicas.
    pub(crate) async fn spend(
        &self,
        spent: &[(u64, Duration)],
    ) -> Result<Vec<Duration>, StoreError> {
        let mut ahead = Vec::with_capacity(spent.len());
        for some in spent.chunks(SPENT_AT_A_TIME) {
            let spending = some
                .iter()
                .map(|(rate, time)| self.scripts.spend(&self.connection, &self.keys, *rate, *time));
            ahead.extend(self.asked(try_join_all(spending)).await?);
        }
        Ok(ahead)
    }

    fn fail(&self, error: &StoreError) {
        self.counts.errors.fetch_add(1, Ordering::Relaxed);
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.is_none() {
            let text = connection::explain(error);
            tracing::error!("the store does not answer; sessions of this replica continue: {text}");
            *trouble = Some((text, Instant::now()));
        }
    }

    fn recover(&self) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, since)) = trouble.take() {
            tracing::warn!("the store answers again after {} ms", since.elapsed().as_millis());
        }
    }

    /// What is wrong with the store, as a sentence.
    pub(crate) fn trouble(&self) -> Option<String> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.as_ref().map(|(text, _)| text.clone())
    }

    pub(crate) fn levels(&self) -> StoreLevels {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let up = self.trouble().is_none();
        StoreLevels {
            up,
            held: self.lock().len() as u64,
            taken: count(&self.counts.taken),
            lost: count(&self.counts.lost),
            errors: count(&self.counts.errors),
            dropped: count(&self.counts.dropped),
            waiting: self.queue.waiting() as u64,
            logged_bytes: count(&self.counts.logged_bytes),
            lag: self.queue.lag(),
            latency: Arc::clone(&self.latency),
        }
    }

    /// Writes what is queued, within `grace`, then removes this replica's sign of life, so that
    /// other replicas take its sessions when they are asked for them.
    pub(crate) async fn close(&self, grace: Duration) {
        self.queue.close();
        self.end.cancel();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_err() {
            tracing::warn!("the store did not accept all writes in time");
        }
        let leaving = self.scripts.leave(&self.connection, &self.keys, self.own);
        drop(tokio::time::timeout(grace, leaving).await);
    }
}

/// A session that was taken over.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) lease: Lease,
    pub(crate) founding: Founding,
    /// Its stored entries, in their order.
    pub(crate) logged: Vec<Logged>,
}
