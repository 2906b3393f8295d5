//! Finds a session that this replica does not have, by asking the store, and decides whether this
//! replica may take it over.

use std::{sync::PoisonError, time::Duration};

use tokio::{sync::watch, time::Instant};
use uuid::Uuid;

use super::{
    directory::{Next, Record, next},
    handle::Cluster,
    peers::{Link, Standing, Unreached},
    replica::ReplicaId,
    store::{Leased, Store, Taken},
};

/// How long the owner of a session is remembered.
const REMEMBERED: Duration = Duration::from_secs(5);
/// Most sessions whose owner is remembered.
const MAX_REMEMBERED: usize = 64 * 1024;
/// How often the search starts over after another replica was quicker.
const ATTEMPTS: usize = 3;

/// Where a session is.
#[derive(Debug)]
pub(crate) enum Found {
    At {
        owner: ReplicaId,
        link: Link,
        /// The store has not answered.
        unsure: bool,
    },
    /// This replica may continue it.
    Taken(Box<Taking>),
    /// Another request of this replica has just taken it over.
    Here,
}

/// A session that was taken over. Other requests here wait for it.
#[derive(Debug)]
pub(crate) struct Taking {
    pub(crate) taken: Taken,
    /// Dropped once the session is open, or could not be opened.
    #[expect(dead_code, reason = "others wait for its end")]
    done: watch::Sender<()>,
}

impl Cluster {
    /// Looks for the session that `named` opened.
    pub(crate) async fn seek(&self, id: Uuid, named: ReplicaId) -> Result<Found, Unreached> {
        let Some(store) = self.store() else {
            let link = self.reach(named).await?;
            return Ok(Found::At { owner: named, link, unsure: false });
        };
        self.ask(store, id, named).await.inspect_err(|_| self.count_unreached())
    }

    /// Where a session is that was found a moment ago; without a store, where it was opened. `None`
    /// if that replica is not connected.
    pub(crate) fn found_before(&self, id: Uuid, named: ReplicaId) -> Option<Found> {
        let unsure = self.store().is_some();
        let owner = if unsure { self.remembered(id)? } else { named };
        let link = self.roster().connected(owner)?;
        Some(Found::At { owner, link, unsure })
    }

    async fn ask(&self, store: &Store, id: Uuid, named: ReplicaId) -> Result<Found, Unreached> {
        for _ in 0..ATTEMPTS {
            self.wait_for_taking(id).await;
            if store.holds(id) {
                return Ok(Found::Here);
            }
            if store.is_ending(id) {
                return Err(Unreached::Gone);
            }
            // If the owner is known to be unreachable, not every request waits for it.
            let record = if store.trouble().is_some() { None } else { store.record(id).await.ok() };
            let (record, asked) = match record {
                None => (Record::Unknown, self.standing(named, None).await),
                // The session may not be in the store yet.
                Some(None) => {
                    let address = store.address_of(named).await.unwrap_or_default();
                    let standing = self.standing(named, address.as_deref()).await;
                    match (&standing, address) {
                        (Standing::Silent, Some(_)) => return Err(Unreached::Away),
                        _ => (Record::Absent, standing),
                    }
                }
                Some(Some(Leased { lease, address })) => {
                    let standing = self.standing(lease.owner, address.as_deref()).await;
                    let lives = address.is_some() && !matches!(standing, Standing::Ended);
                    (Record::Leased { lease, lives }, standing)
                }
            };
            let answers = matches!(asked, Standing::Up(_));
            match (next(record, named, self.id(), |_| answers), asked) {
                (Next::Forward(owner), Standing::Up(link)) => {
                    let unsure = matches!(record, Record::Unknown);
                    if !unsure {
                        self.remember(id, owner);
                    }
                    return Ok(Found::At { owner, link, unsure });
                }
                (Next::Take(seen), _) => {
                    match store.can_read(id).await {
                        Ok(true) => {}
                        Ok(false) => return Err(Unreached::Gone),
                        Err(_) => return Err(Unreached::Away),
                    }
                    let Some(done) = self.begin_taking(id) else { continue };
                    match store.take(id, seen).await {
                        Ok(Some(taken)) => {
                            return Ok(Found::Taken(Box::new(Taking { taken, done })));
                        }
                        // Another replica was quicker.
                        Ok(None) => {}
                        Err(_) => return Err(Unreached::Away),
                    }
                }
                (Next::Gone, _) => return Err(Unreached::Gone),
                (Next::Later | Next::Forward(_), _) => return Err(Unreached::Away),
            }
        }
        Err(Unreached::Away)
    }

    async fn standing(&self, owner: ReplicaId, address: Option<&str>) -> Standing {
        if owner == self.id() {
            return Standing::Ended;
        }
        if let Some(address) = address {
            self.keeper().meet(address);
        }
        self.roster().reach_known(owner, address).await
    }

    /// Waits for another request of this replica that is taking the session over, if there is one.
    pub(crate) async fn wait_for_taking(&self, id: Uuid) {
        let taking = {
            let taking = self.taking.lock().unwrap_or_else(PoisonError::into_inner);
            taking.get(&id).cloned()
        };
        let Some(mut taking) = taking else { return };
        // Nothing is ever sent: the channel ends with an error.
        drop(taking.changed().await);
    }

    /// `None` if another request of this replica is already taking the session over.
    fn begin_taking(&self, id: Uuid) -> Option<watch::Sender<()>> {
        let mut taking = self.taking.lock().unwrap_or_else(PoisonError::into_inner);
        taking.retain(|_, other| other.has_changed().is_ok());
        if taking.contains_key(&id) {
            return None;
        }
        let (done, waiting) = watch::channel(());
        taking.insert(id, waiting);
        Some(done)
    }

    fn remembered(&self, id: Uuid) -> Option<ReplicaId> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (owner, since) = seen.get(&id)?;
        (since.elapsed() < REMEMBERED).then_some(*owner)
    }

    fn remember(&self, id: Uuid, owner: ReplicaId) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MAX_REMEMBERED {
            seen.retain(|_, (_, since)| since.elapsed() < REMEMBERED);
        }
        if seen.len() < MAX_REMEMBERED {
            seen.insert(id, (owner, Instant::now()));
        }
    }

    /// Whether another replica may have a session that `asked` does not have.
    pub(crate) async fn may_be_elsewhere(&self, id: Uuid, asked: ReplicaId) -> bool {
        let Some(store) = self.store() else { return false };
        let record = store.record(id).await;
        record.map_or(true, |record| record.is_some_and(|known| known.lease.owner != asked))
    }

    /// Takes a session again that this replica took before and then could not open.
    pub(crate) async fn retake(&self, id: Uuid) -> Option<Box<Taking>> {
        let store = self.store().filter(|store| !store.holds(id) && !store.is_ending(id))?;
        let known = store.record(id).await.ok()??;
        if known.lease.owner != self.id() {
            return None;
        }
        let done = self.begin_taking(id)?;
        let taken = store.take(id, known.lease).await.ok()??;
        Some(Box::new(Taking { taken, done }))
    }

    /// Forgets the owner of a session: the replica that was asked does not have it any more.
    pub(crate) fn forget(&self, id: Uuid) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}
