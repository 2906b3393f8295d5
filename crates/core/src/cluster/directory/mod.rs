//! Which replica has a session, according to the store that all replicas reach: leases, epochs, and
//! who may take one.
//!
//! Pure functions. `found`, `hold` and `take` are done by the store's scripts, each in one step;
//! here they serve the simulation. [`next`] decides what a replica does when it is asked for a
//! session. A lease has no expiry of its own: it ends when its owner stops giving signs of life. If
//! a silent owner comes back, it writes with an outdated epoch, and the write is refused.

#[cfg(test)]
mod simulation;

use super::replica::ReplicaId;

/// Orders the owners of a session: the time at which the lease was given, in milliseconds of the
/// store's clock, or the previous epoch plus one if the clock has gone back. So a store that has
/// forgotten an owner does not give its epoch again.
pub(crate) type Epoch = u64;

/// Who has a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) owner: ReplicaId,
    pub(crate) epoch: Epoch,
}

/// What an owner learns when it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// It is the owner; the store has what it should, or has it again.
    Kept,
    /// Another replica has taken the session: nothing was written.
    Fenced(Lease),
}

/// The record of a new session, if it is new.
#[cfg(test)]
pub(crate) fn found(record: Option<Lease>, owner: ReplicaId, now: Epoch) -> Result<Lease, Lease> {
    match record {
        Some(lease) => Err(lease),
        None => Ok(Lease { owner, epoch: now }),
    }
}

/// The record after its owner has written, and what the owner learns. If the store has forgotten
/// the session or its last owner, the record is restored.
#[cfg(test)]
pub(crate) fn hold(record: Option<Lease>, mine: Lease) -> (Lease, Held) {
    match record {
        Some(lease) if lease.epoch > mine.epoch => (lease, Held::Fenced(lease)),
        // If the clock went back while the store forgot, an epoch may be given twice.
        Some(lease) if lease.epoch == mine.epoch && lease.owner != mine.owner => {
            (lease, Held::Fenced(lease))
        }
        _ => (mine, Held::Kept),
    }
}

/// The record after a replica has taken the session, if the record is still as that replica saw it.
#[cfg(test)]
pub(crate) fn take(
    record: Option<Lease>,
    seen: Lease,
    by: ReplicaId,
    now: Epoch,
) -> Result<Lease, Option<Lease>> {
    if record == Some(seen) {
        Ok(Lease { owner: by, epoch: now.max(seen.epoch + 1) })
    } else {
        Err(record)
    }
}

/// What the store knows about a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// Nothing: it does not answer.
    Unknown,
    /// No replica has it.
    Absent,
    Leased {
        lease: Lease,
        /// Its owner has given a sign of life in time.
        lives: bool,
    },
}

/// What to do with a request for a session that this replica does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Hand it to this replica.
    Forward(ReplicaId),
    /// Take the session, if its lease still is this one.
    Take(Lease),
    /// Refuse it for now.
    Later,
    /// There is no such session.
    Gone,
}

/// What to do with a request for a session that `named` opened; `answers` says whether a replica's
/// peer port answers. An owner that answers keeps the session, whatever the store says.
pub(crate) fn next(
    record: Record,
    named: ReplicaId,
    own: ReplicaId,
    answers: impl Fn(ReplicaId) -> bool,
) -> Next {
    let ask = |owner| owner != own && answers(owner);
    match record {
        Record::Unknown | Record::Absent if ask(named) => Next::Forward(named),
        Record::Absent => Next::Gone,
        // This replica took it and then could not open it.
        Record::Leased { lease, .. } if lease.owner == own => Next::Take(lease),
        Record::Leased { lease, .. } if ask(lease.owner) => Next::Forward(lease.owner),
        Record::Unknown | Record::Leased { lives: true, .. } => Next::Later,
        Record::Leased { lease, lives: false } => Next::Take(lease),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(owner: u8, epoch: Epoch) -> Lease {
        Lease { owner: id(owner), epoch }
    }

    fn id(number: u8) -> ReplicaId {
        ReplicaId([number; 8])
    }

    #[test]
    fn a_session_is_taken_once_from_whoever_had_it() {
        let first = found(None, id(1), 10).unwrap();
        assert_eq!(first, lease(1, 10));
        assert_eq!(found(Some(first), id(2), 11), Err(first));
        let second = take(Some(first), first, id(2), 20).unwrap();
        assert_eq!(second, lease(2, 20));
        assert_eq!(take(Some(second), second, id(3), 4), Ok(lease(3, 21)), "the clock went back");
        assert_eq!(take(Some(second), first, id(3), 30), Err(Some(second)));
        assert_eq!(take(None, first, id(3), 30), Err(None));
    }

    #[test]
    fn whoever_was_replaced_writes_nothing() {
        assert_eq!(hold(Some(lease(2, 2)), lease(1, 1)), (lease(2, 2), Held::Fenced(lease(2, 2))));
        assert_eq!(hold(Some(lease(2, 2)), lease(3, 2)).1, Held::Fenced(lease(2, 2)));
        assert_eq!(hold(Some(lease(1, 1)), lease(1, 1)), (lease(1, 1), Held::Kept));
    }

    #[test]
    fn a_store_that_has_forgotten_is_told_again() {
        assert_eq!(hold(None, lease(2, 2)), (lease(2, 2), Held::Kept));
        assert_eq!(hold(Some(lease(1, 1)), lease(2, 2)), (lease(2, 2), Held::Kept));
    }

    #[test]
    fn an_owner_that_answers_keeps_its_session() {
        let leased = |owner, lives| Record::Leased { lease: lease(owner, 4), lives };
        let next = |record, reachable: &[u8]| {
            next(record, id(1), id(9), |asked| reachable.iter().any(|it| id(*it) == asked))
        };
        assert_eq!(next(leased(2, false), &[2]), Next::Forward(id(2)));
        assert_eq!(next(leased(2, true), &[1]), Next::Later);
        assert_eq!(next(leased(2, false), &[1]), Next::Take(lease(2, 4)));
        assert_eq!(next(leased(9, true), &[1, 2]), Next::Take(lease(9, 4)));
        assert_eq!(next(Record::Absent, &[1]), Next::Forward(id(1)));
        assert_eq!(next(Record::Absent, &[2]), Next::Gone);
        assert_eq!(next(Record::Unknown, &[1]), Next::Forward(id(1)));
        assert_eq!(next(Record::Unknown, &[]), Next::Later);
    }
}
