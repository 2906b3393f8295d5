//! Counted limits: a seat is taken, and freed by dropping it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// A number of seats.
#[derive(Debug)]
pub(crate) struct Seats {
    taken: AtomicUsize,
    limit: AtomicUsize,
    /// The total weight of the takers.
    weight: AtomicUsize,
    max_weight: usize,
}

impl Seats {
    /// `limit` seats, or without a limit.
    pub(crate) fn new(limit: Option<usize>) -> Arc<Self> {
        Self::bearing(limit, usize::MAX)
    }

    /// The same, with a limit on the total weight; a single taker may weigh more.
    pub(crate) fn bearing(limit: Option<usize>, max_weight: usize) -> Arc<Self> {
        let limit = AtomicUsize::new(limit.unwrap_or(usize::MAX));
        let (taken, weight) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { taken, limit, weight, max_weight })
    }

    /// Changes the limit; seats that are taken stay taken.
    pub(crate) fn limit_to(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Takes `count` seats, unless too few are free.
    pub(crate) fn take(self: &Arc<Self>, count: usize) -> Option<Seat> {
        let short = u32::try_from(count).ok()?;
        let limit = self.limit.load(Ordering::Relaxed);
        let fits = |taken: usize| taken.checked_add(count).filter(|sum| *sum <= limit);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).ok()?;
        Some(Seat { seats: Arc::clone(self), count: short, weight: 0 })
    }

    /// Takes `count` seats with this total weight, unless that exceeds a limit.
    pub(crate) fn take_for(self: &Arc<Self>, count: usize, weight: usize) -> Option<Seat> {
        let (mut seat, short) = (self.take(count)?, u32::try_from(weight).ok()?);
        let fits = |held: usize| {
            held.checked_add(weight).filter(|sum| held == 0 || *sum <= self.max_weight)
        };
        self.weight.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).ok()?;
        seat.weight = short;
        Some(seat)
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

/// Seats that are taken.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    count: u32,
    weight: u32,
}

impl Seat {
    /// One of several seats, freed separately, with its part of the weight.
    pub(crate) fn split(&mut self, weight: usize) -> Option<Self> {
        self.count = self.count.checked_sub(1)?;
        let weight = u32::try_from(weight).unwrap_or(u32::MAX).min(self.weight);
        self.weight -= weight;
        Some(Self { seats: Arc::clone(&self.seats), count: 1, weight })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.taken.fetch_sub(self.count as usize, Ordering::AcqRel);
        self.seats.weight.fetch_sub(self.weight as usize, Ordering::AcqRel);
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
        let one = group.split(0);
        assert_eq!(seats.taken(), 2);
        drop(one);
        assert_eq!(seats.taken(), 1);
        let pair = seats.take(2).unwrap();
        assert!(seats.take(1).is_none());
        drop((group, pair));
        assert_eq!(seats.taken(), 0);
    }

    #[test]
    fn together_they_weigh_no_more_than_may_be_unless_it_is_one() {
        let seats = Seats::bearing(None, 10);
        let heavy = seats.take_for(1, 100).unwrap();
        assert!(seats.take_for(1, 1).is_none());
        drop(heavy);
        let mut group = seats.take_for(2, 8).unwrap();
        let one = group.split(5);
        assert!(seats.take_for(1, 3).is_none());
        drop(group);
        assert!(seats.take_for(1, 6).is_none());
        let more = seats.take_for(1, 5).unwrap();
        drop((one, more));
        assert_eq!((seats.taken(), seats.weight.load(Ordering::Relaxed)), (0, 0));
    }

    #[test]
    fn without_a_limit_there_is_always_a_seat() {
        let seats = Seats::new(None);
        assert!(seats.take(1 << 30).is_some());
    }
}
