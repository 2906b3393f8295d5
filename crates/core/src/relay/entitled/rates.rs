//! How often somebody calls a tool, and how much at a time.
//!
//! A rate is kept as the one time at which everything that was called will have been paid for
//! (the generic cell rate algorithm). What has been paid for is forgotten, and there is never more
//! than a bound: beyond it, callers share what is kept.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::config::Rate;

/// Most rates that are kept.
const MAX_KEPT: usize = 65_536;
/// When a call that is one too many may be tried again.
const SOON: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Rates {
    hasher: RandomState,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Caller, rule and tool, hashed → when all is paid for.
    paid: HashMap<u64, Instant>,
    /// The same → calls under way.
    running: HashMap<u64, usize>,
    /// How many there may be before it is looked for what can be forgotten.
    room: usize,
}

/// A call under way.
#[derive(Debug)]
pub(super) struct Running {
    rates: Arc<Rates>,
    key: u64,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.rates.lock();
        let Some(running) = state.running.get_mut(&self.key) else { return };
        *running -= 1;
        if *running == 0 {
            state.running.remove(&self.key);
        }
    }
}

impl Rates {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What stands for a caller, one of the rules and a tool.
    pub(super) fn key(&self, caller: (&str, &str), rule: usize, tool: &str) -> u64 {
        self.hasher.hash_one((caller, rule, tool))
    }

    /// Counts a call; or says when it is worth trying again.
    pub(super) fn call(&self, key: u64, rate: Rate, now: Instant) -> Result<(), Duration> {
        let mut state = self.lock();
        state.make_room(now);
        let each = rate.time / rate.calls;
        let paid = state.paid.get(&key).copied().unwrap_or(now).max(now);
        let ahead = paid + each - now;
        if ahead > rate.time {
            return Err(ahead.saturating_sub(rate.time));
        }
        state.paid.insert(key, paid + each);
        Ok(())
    }

    /// Counts a call for as long as the result lives; or says when it is worth trying again.
    pub(super) fn begin(self: &Arc<Self>, key: u64, most: usize) -> Result<Running, Duration> {
        let mut state = self.lock();
        let running = state.running.entry(key).or_default();
        if *running >= most {
            return Err(SOON);
        }
        *running += 1;
        Ok(Running { rates: Arc::clone(self), key })
    }
}

impl State {
    fn make_room(&mut self, now: Instant) {
        if self.paid.len() < self.room.max(256) {
            return;
        }
        self.paid.retain(|_, paid| *paid > now);
        if self.paid.len() >= MAX_KEPT {
            // Those that are nearly paid for are forgiven.
            let mut all: Vec<Instant> = self.paid.values().copied().collect();
            all.sort_unstable();
            let middle = all[all.len() / 2];
            self.paid.retain(|_, paid| *paid > middle);
        }
        self.room = (self.paid.len() * 2).min(MAX_KEPT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { calls: 3, time: Duration::from_mins(1) };

    #[test]
    fn so_many_may_come_at_once_and_then_one_after_the_other() {
        let (rates, start) = (Rates::default(), Instant::now());
        for _ in 0..3 {
            assert_eq!(rates.call(1, RATE, start), Ok(()));
        }
        assert_eq!(rates.call(1, RATE, start), Err(Duration::from_secs(20)));
        assert_eq!(rates.call(2, RATE, start), Ok(()), "somebody else");
        let later = start + Duration::from_secs(20);
        assert_eq!(rates.call(1, RATE, later), Ok(()));
        assert_eq!(rates.call(1, RATE, later), Err(Duration::from_secs(20)));
        let much_later = start + Duration::from_mins(10);
        for _ in 0..3 {
            assert_eq!(rates.call(1, RATE, much_later), Ok(()));
        }
        assert!(rates.call(1, RATE, much_later).is_err(), "nothing is saved up");
    }

    #[test]
    fn calls_under_way_are_counted_until_they_end() {
        let rates = Arc::new(Rates::default());
        let one = rates.begin(1, 2).unwrap();
        let two = rates.begin(1, 2).unwrap();
        assert_eq!(rates.begin(1, 2).unwrap_err(), SOON);
        drop(one);
        let three = rates.begin(1, 2).unwrap();
        drop((two, three));
        assert!(rates.lock().running.is_empty());
    }

    #[test]
    fn a_crowd_takes_bounded_room() {
        let (rates, start) = (Rates::default(), Instant::now());
        for caller in 0..200_000 {
            rates.call(caller, RATE, start).unwrap();
            assert!(rates.lock().paid.len() <= MAX_KEPT);
        }
        rates.call(0, RATE, start + RATE.time).unwrap();
        for caller in 0..70_000 {
            rates.call(caller, RATE, start + RATE.time).unwrap();
        }
        assert!(rates.lock().paid.len() <= MAX_KEPT);
    }
}
