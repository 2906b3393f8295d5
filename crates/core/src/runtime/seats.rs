//! Bounded counts: a seat is taken, and given back by dropping it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// A number of seats.
#[derive(Debug)]
pub(crate) struct Seats {
    taken: AtomicUsize,
    limit: usize,
}

impl Seats {
    /// As many seats as `limit`, or as anybody wants.
    pub(crate) fn new(limit: Option<usize>) -> Arc<Self> {
        Arc::new(Self { taken: AtomicUsize::new(0), limit: limit.unwrap_or(usize::MAX) })
    }

    /// Takes seats for `count`, unless so many are not free.
    pub(crate) fn take(self: &Arc<Self>, count: usize) -> Option<Seat> {
        let fits = |taken: usize| taken.checked_add(count).filter(|sum| *sum <= self.limit);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).ok()?;
        Some(Seat { seats: Arc::clone(self), count })
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

/// Seats that are taken.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    count: usize,
}

impl Seat {
    /// One of several, to be given back on its own.
    pub(crate) fn split(&mut self) -> Option<Self> {
        self.count = self.count.checked_sub(1)?;
        Some(Self { seats: Arc::clone(&self.seats), count: 1 })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.taken.fetch_sub(self.count, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_given_back_one_by_one_or_together() {
        let seats = Seats::new(Some(3));
        let mut group = seats.take(2).unwrap();
        assert!(seats.take(2).is_none());
        let one = group.split();
        assert_eq!(seats.taken(), 2);
        drop(one);
        assert_eq!(seats.taken(), 1);
        let pair = seats.take(2).unwrap();
        assert!(seats.take(1).is_none());
        drop((group, pair));
        assert_eq!(seats.taken(), 0);
    }

    #[test]
    fn without_a_limit_there_is_always_a_seat() {
        let seats = Seats::new(None);
        assert!(seats.take(usize::MAX).is_some());
    }
}
