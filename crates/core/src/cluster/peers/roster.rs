//! The replicas that this one knows.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout_at},
};

use super::{super::replica::ReplicaId, dial::Link};
use crate::runtime::lock::{Mutex, MutexGuard};

/// How long an unreachable replica may take to come back before its sessions count as lost.
const GRACE: Duration = Duration::from_secs(10);
/// The same if its machine refuses the connection.
const REFUSED_GRACE: Duration = Duration::from_secs(1);
/// How long a request waits for a connection that is being made.
const WAIT: Duration = Duration::from_millis(1500);
/// How long an unknown replica may take to appear.
const TURN_UP: Duration = Duration::from_secs(1);
/// How long the roster remembers that a replica did not appear.
const REMEMBERED: Duration = Duration::from_mins(1);
/// Most replicas that are remembered so.
const MAX_MISSING: usize = 1024;
/// Most addresses.
pub(super) const MAX_PEERS: usize = 256;

/// Why a replica cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreached {
    /// This replica has ended.
    Gone,
    /// It does not answer now.
    Away,
}

/// How many replicas there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Replicas that are connected.
    pub(crate) connected: usize,
    /// Replicas that should be connected and are not.
    pub(crate) missing: usize,
}

/// The state of an address.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// Nobody has answered there yet.
    New {
        since: Instant,
        refused: bool,
    },
    Up {
        id: ReplicaId,
        link: Link,
    },
    Down {
        id: ReplicaId,
        since: Instant,
        refused: bool,
    },
    /// The address of this replica.
    Own,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Roster {
    own: ReplicaId,
    known: Mutex<Known>,
    changes: watch::Sender<()>,
    /// Somebody waits for a replica: addresses are looked up and dialled without delay.
    pub(super) wanted: Notify,
}

#[derive(Debug, Default)]
struct Known {
    addresses: HashMap<Arc<str>, State>,
    /// Unknown replicas, and since when they are asked for.
    missing: HashMap<ReplicaId, Instant>,
}

/// What is known of a replica.
#[derive(Debug)]
enum Sought {
    Found(Link),
    /// It is not known, but may still appear.
    Perhaps,
    Gone,
}

impl Roster {
    pub(crate) fn new(own: ReplicaId) -> Arc<Self> {
        let changes = watch::Sender::default();
        Arc::new(Self { own, known: Mutex::default(), changes, wanted: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an address; returns whether it is new and needs a task that keeps it connected.
    pub(super) fn add(&self, address: &Arc<str>) -> bool {
        let mut known = self.lock();
        if known.addresses.contains_key(address) || known.addresses.len() >= MAX_PEERS {
            return false;
        }
        known
            .addresses
            .insert(Arc::clone(address), State::New { since: Instant::now(), refused: false });
        true
    }

    /// Whether this replica is connected, at whatever address.
    pub(super) fn is_connected(&self, id: ReplicaId) -> bool {
        id == self.own || matches!(self.lock().seek(id, Instant::now()), Sought::Found(_))
    }

    /// Sets the state of an address.
    pub(super) fn learn(&self, address: &Arc<str>, state: State) {
        let mut known = self.lock();
        if let State::Up { id, .. } = &state {
            known.missing.remove(id);
        }
        known.addresses.insert(Arc::clone(address), state);
        drop(known);
        self.changes.send_replace(());
    }

    /// The connection to an address has ended, or was not made.
    pub(super) fn lose(&self, address: &Arc<str>, refused: bool) {
        let mut known = self.lock();
        let Some(state) = known.addresses.get_mut(address) else { return };
        match state {
            State::Up { id, .. } => {
                *state = State::Down { id: *id, since: Instant::now(), refused };
            }
            State::Down { refused: was, .. } | State::New { refused: was, .. } => *was = refused,
            State::Own => return,
        }
        drop(known);
        self.changes.send_replace(());
    }

    /// Forgets an address, unless a replica answers there.
    pub(super) fn forget(&self, address: &Arc<str>) -> bool {
        let mut known = self.lock();
        let is_up = matches!(known.addresses.get(address), Some(State::Up { .. }));
        !is_up && known.addresses.remove(address).is_some()
    }

    pub(crate) fn counts(&self) -> Counts {
        let known = self.lock();
        let states = known.addresses.values();
        states.fold(Counts::default(), |mut counts, state| {
            match state {
                State::Up { .. } => counts.connected += 1,
                State::New { .. } | State::Down { .. } => counts.missing += 1,
                State::Own => {}
            }
            counts
        })
    }

    /// The way to a replica, if it is connected.
    pub(crate) fn connected(&self, id: ReplicaId) -> Option<Link> {
        match self.lock().standing(id, None) {
            Standing::Up(link) => Some(link),
            Standing::Ended | Standing::Silent => None,
        }
    }

    /// The way to a replica that the store knows, which was last at this address, if that is known.
    /// If the replica may still appear, waits a little: until its machine refuses the connection.
    pub(crate) async fn reach_known(&self, id: ReplicaId, address: Option<&str>) -> Standing {
        if let up @ Standing::Up(_) = self.lock().standing(id, address) {
            return up;
        }
        let until = Instant::now() + WAIT;
        let mut changes = self.changes.subscribe();
        loop {
            let standing = self.lock().standing(id, address);
            if !matches!(standing, Standing::Silent) || address.is_none() {
                return standing;
            }
            self.wanted.notify_waiters();
            if timeout_at(until, changes.changed()).await.is_err() {
                return self.lock().standing(id, address);
            }
        }
    }

    /// The way to a replica; waits a little if it may still appear.
    pub(crate) async fn reach(&self, id: ReplicaId) -> Result<Link, Unreached> {
        let until = Instant::now() + WAIT;
        let mut changes = self.changes.subscribe();
        loop {
            let sought = self.lock().seek(id, Instant::now());
            match sought {
                Sought::Found(link) => return Ok(link),
                Sought::Gone => return Err(Unreached::Gone),
                Sought::Perhaps => {}
            }
            self.wanted.notify_waiters();
            if timeout_at(until, changes.changed()).await.is_err() {
                let sought = self.lock().seek(id, Instant::now());
                return match sought {
                    Sought::Found(link) => Ok(link),
                    Sought::Gone => Err(Unreached::Gone),
                    Sought::Perhaps => Err(Unreached::Away),
                };
            }
        }
    }
}

/// The state of a replica that the store knows.
#[derive(Debug)]
pub(crate) enum Standing {
    Up(Link),
    /// Nothing listens there any more.
    Ended,
    Silent,
}

impl Known {
    fn standing(&self, wanted: ReplicaId, address: Option<&str>) -> Standing {
        let mut ended = false;
        for (known, state) in &self.addresses {
            match state {
                State::Up { id, link } if *id == wanted && !link.is_closed() => {
                    return Standing::Up(link.clone());
                }
                State::Up { id, .. } => ended |= address == Some(known) && *id != wanted,
                State::Down { id, refused, .. } => {
                    ended |= *refused && (*id == wanted || address == Some(known));
                }
                State::New { refused, .. } => ended |= *refused && address == Some(known),
                State::Own => ended |= address == Some(known),
            }
        }
        if ended { Standing::Ended } else { Standing::Silent }
    }

    fn seek(&mut self, wanted: ReplicaId, now: Instant) -> Sought {
        let mut perhaps = false;
        for state in self.addresses.values() {
            match state {
                State::Up { id, link } if *id == wanted && !link.is_closed() => {
                    return Sought::Found(link.clone());
                }
                // The connection is closing; that will be known in a moment.
                State::Up { id, .. } => perhaps |= *id == wanted,
                State::Down { id, since, refused } if *id == wanted => {
                    let grace = if *refused { REFUSED_GRACE } else { GRACE };
                    perhaps |= now.saturating_duration_since(*since) < grace;
                    if !perhaps {
                        return Sought::Gone;
                    }
                }
                State::New { since, .. } => {
                    perhaps |= now.saturating_duration_since(*since) < GRACE;
                }
                State::Down { .. } | State::Own => {}
            }
        }
        if perhaps || self.may_turn_up(wanted, now) { Sought::Perhaps } else { Sought::Gone }
    }

    /// Whether an unknown replica has been asked for only recently.
    fn may_turn_up(&mut self, wanted: ReplicaId, now: Instant) -> bool {
        let age = |since: &Instant| now.saturating_duration_since(*since);
        if let Some(since) = self.missing.get(&wanted).filter(|since| age(since) < REMEMBERED) {
            return age(since) < TURN_UP;
        }
        if self.missing.len() >= MAX_MISSING {
            self.missing.retain(|_, since| age(since) < REMEMBERED);
        }
        if self.missing.len() < MAX_MISSING {
            self.missing.insert(wanted, now);
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> ReplicaId {
        ReplicaId([number; 8])
    }

    #[tokio::test(start_paused = true)]
    async fn a_replica_that_nobody_knows_is_gone_after_a_moment_and_stays_so() {
        let roster = Roster::new(id(0));
        let started = Instant::now();
        assert_eq!(roster.reach(id(1)).await.unwrap_err(), Unreached::Gone);
        assert!(started.elapsed() <= WAIT);
        let again = Instant::now();
        assert_eq!(roster.reach(id(1)).await.unwrap_err(), Unreached::Gone);
        assert_eq!(again.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_replica_that_was_lost_is_away_for_a_while_then_gone() {
        let roster = Roster::new(id(0));
        let address: Arc<str> = "a:1".into();
        assert!(roster.add(&address));
        assert!(!roster.add(&address));
        let since = Instant::now();
        roster.learn(&address, State::Down { id: id(1), since, refused: false });
        assert_eq!(roster.reach(id(1)).await.unwrap_err(), Unreached::Away);
        tokio::time::advance(GRACE).await;
        assert_eq!(roster.reach(id(1)).await.unwrap_err(), Unreached::Gone);
    }

    #[tokio::test(start_paused = true)]
    async fn a_replica_whose_machine_says_no_is_gone_sooner() {
        let roster = Roster::new(id(0));
        let address: Arc<str> = "a:1".into();
        roster.add(&address);
        let since = Instant::now();
        roster.learn(&address, State::Down { id: id(1), since, refused: false });
        roster.lose(&address, true);
        tokio::time::advance(REFUSED_GRACE).await;
        assert_eq!(roster.reach(id(1)).await.unwrap_err(), Unreached::Gone);
        assert_eq!(roster.counts(), Counts { connected: 0, missing: 1 });
        assert!(roster.forget(&address));
    }
}
