//! Who has a session, as a store says that all replicas reach: leases, epochs, and who may take one.
//!
//! Functions of values. What `found`, `hold` and `take` say, a store does in one step, by its scripts;
//! they are here for the simulation. What [`next`] says, a replica does that is asked for a session. A lease has no end of its own: it ends
//! with the signs of life of its owner. An owner that is silent and comes back writes with an epoch
//! that is over, which is refused.

#[cfg(test)]
mod simulation;

use super::replica::ReplicaId;

/// Orders the owners of a session: the time at which its lease was given, in milliseconds of the
/// store's clock, or one more than the epoch before, if the clock has gone back. So a store that has
/// forgotten an owner does not give its epoch once more.
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
    /// Somebody has taken the session: nothing was written.
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

/// The record after its owner has written, and what it learns. A store that has forgotten the
/// session, or its last owner, is told again.
#[cfg(test)]
pub(crate) fn hold(record: Option<Lease>, mine: Lease) -> (Lease, Held) {
    match record {
        Some(lease) if lease.epoch > mine.epoch => (lease, Held::Fenced(lease)),
        // With a clock that went back while the store forgot, an epoch may be given twice.
        Some(lease) if lease.epoch == mine.epoch && lease.owner != mine.owner => {
            (lease, Held::Fenced(lease))
        }
        _ => (mine, Held::Kept),
    }
}

/// The record after somebody has taken the session, if it still is as it was seen.
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

/// What the store says of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// Nothing: it does not answer.
    Unknown,
    /// There is none.
    Absent,
    Leased {
        lease: Lease,
        /// Its owner has given a sign of life in time.
        lives: bool,
    },
}

/// What to do with a request for a session that is not here.
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

/// What to do with a request for a session that was opened by `named`; `answers` says whether a
/// replica's peer port answers. An owner that answers keeps the session, whatever the store says.
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
        // It was taken by this replica, which then could not open it.
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
