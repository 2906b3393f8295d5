//! How often a caller may call a tool, and how many calls it may have at a time.
//!
//! A rate is stored as a single time: when all calls so far will have been paid for (the generic
//! cell rate algorithm). Rates that are paid for are forgotten. Their number is limited; beyond the
//! limit, the rates that are nearly paid for are forgotten.
//!
//! If other replicas count the same callers, the use here is reported from time to time, and the
//! use of all replicas is learned: between two reports, a rate may be exceeded.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use ring::hmac;

use crate::{config::Rate, runtime::task};

/// Exchanges with other replicas how much of their rates callers have used.
pub(crate) trait Exchange: fmt::Debug + Send + Sync {
    /// The key from which all replicas derive the keys of rates.
    fn key(&self) -> [u8; 32];

    /// Reports what was used here; returns how far ahead of its rate each of these is over all
    /// replicas, in the same order. `None` if the report failed.
    fn tell<'a>(&'a self, spent: &'a [(u64, Duration)]) -> BoxFuture<'a, Option<Vec<Duration>>>;
}

/// Most rates that are kept.
const MAX_KEPT: usize = 65_536;
/// Shortest time before a refused call may be retried.
const SOON: Duration = Duration::from_secs(1);
/// How often replicas report to each other.
const INTERVAL: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Rates {
    names: Names,
    state: Mutex<State>,
}

/// Makes the keys from callers, rules and tools.
#[derive(Debug)]
enum Names {
    Own(RandomState),
    /// Keys that all replicas make alike.
    Shared(hmac::Key),
}

impl Default for Names {
    fn default() -> Self {
        Self::Own(RandomState::new())
    }
}

#[derive(Debug, Default)]
struct State {
    /// Caller, rule and tool, hashed → when all calls are paid for.
    paid: HashMap<u64, Instant>,
    /// The same → what was used since the last report. Only if there is somebody to report to.
    spent: Option<HashMap<u64, Duration>>,
    /// The same → calls under way.
    running: HashMap<u64, usize>,
    /// At this number of rates, those that can be forgotten are looked for.
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

    /// Rates that are exchanged with other replicas for as long as they are used.
    pub(super) fn exchanged(exchange: Arc<dyn Exchange>) -> Arc<Self> {
        let names = Names::Shared(hmac::Key::new(hmac::HMAC_SHA256, &exchange.key()));
        let state = State { spent: Some(HashMap::new()), ..State::default() };
        let rates = Arc::new(Self { names, state: Mutex::new(state) });
        let known = Arc::downgrade(&rates);
        task::spawn(async move {
            loop {
                tokio::time::sleep(INTERVAL).await;
                let Some(spent) = known.upgrade().map(|rates| rates.take_spent()) else { return };
                if spent.is_empty() {
                    continue;
                }
                let learned = exchange.tell(&spent).await;
                let Some(rates) = known.upgrade() else { return };
                rates.learn(spent, learned, Instant::now());
            }
        });
        rates
    }

    /// What was used since the last call.
    fn take_spent(&self) -> Vec<(u64, Duration)> {
        self.lock().spent.as_mut().map(|spent| spent.drain().collect()).unwrap_or_default()
    }

    /// Learns how far ahead each of these is over all replicas; `None` if the report failed.
    fn learn(&self, told: Vec<(u64, Duration)>, learned: Option<Vec<Duration>>, now: Instant) {
        let mut state = self.lock();
        let Some(learned) = learned else {
            // It is reported next time.
            let spent = state.spent.get_or_insert_default();
            for (key, time) in told {
                if spent.len() < MAX_KEPT || spent.contains_key(&key) {
                    *spent.entry(key).or_default() += time;
                }
            }
            return;
        };
        for ((key, _), ahead) in told.into_iter().zip(learned) {
            let since = state.spent.as_ref().and_then(|spent| spent.get(&key)).copied();
            state.paid.insert(key, now + ahead + since.unwrap_or_default());
        }
    }

    /// The key of a caller, one of the rules and a tool.
    pub(super) fn key(&self, caller: (&str, &str), rule: usize, tool: &str) -> u64 {
        match &self.names {
            Names::Own(hasher) => hasher.hash_one((caller, rule, tool)),
            Names::Shared(key) => {
                let mut context = hmac::Context::with_key(key);
                let (issuer, subject) = caller;
                for part in [issuer, subject, tool] {
                    context.update(&(part.len() as u64).to_be_bytes());
                    context.update(part.as_bytes());
                }
                context.update(&(rule as u64).to_be_bytes());
                let tag = context.sign();
                let first = tag.as_ref().first_chunk::<8>().copied().unwrap_or_default();
                u64::from_be_bytes(first)
            }
        }
    }

    /// Counts a call; or returns when a retry makes sense.
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
        if let Some(spent) = &mut state.spent
            && (spent.len() < MAX_KEPT || spent.contains_key(&key))
        {
            *spent.entry(key).or_default() += each;
        }
        Ok(())
    }

    /// Counts a call for as long as the result lives; or returns when a retry makes sense.
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
            // The rates that are nearest to being paid for are forgotten.
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

    /// A store for tests: what was used, by key, on a clock that stands still.
    #[derive(Debug, Default)]
    struct Told(Mutex<HashMap<u64, Duration>>);

    impl Exchange for Told {
        fn key(&self) -> [u8; 32] {
            [7; 32]
        }

        fn tell<'a>(
            &'a self,
            spent: &'a [(u64, Duration)],
        ) -> BoxFuture<'a, Option<Vec<Duration>>> {
            let mut all = self.0.lock().unwrap();
            let learned = spent.iter().map(|(key, time)| {
                let sum = all.entry(*key).or_default();
                *sum += *time;
                *sum
            });
            Box::pin(std::future::ready(Some(learned.collect())))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn replicas_count_together() {
        let store = Arc::<Told>::default();
        let exchange = || Arc::clone(&store) as Arc<dyn Exchange>;
        let (one, other) = (Rates::exchanged(exchange()), Rates::exchanged(exchange()));
        let key = one.key(("issuer", "alice"), 0, "tool");
        assert_eq!(key, other.key(("issuer", "alice"), 0, "tool"), "all replicas call it the same");
        assert_ne!(key, one.key(("issuera", "lice"), 0, "tool"));
        let start = Instant::now();
        one.call(key, RATE, start).unwrap();
        one.call(key, RATE, start).unwrap();
        other.call(key, RATE, start).unwrap();
        tokio::time::sleep(INTERVAL * 3).await;
        // The one that reported last knows of all three; the other one learns it with its next
        // report.
        let now = Instant::now();
        let full = |rates: &Rates| rates.call(key, RATE, now).is_err();
        assert!(full(&one) || full(&other));
    }

    #[test]
    fn what_nobody_could_be_told_is_told_later() {
        let rates = Rates::default();
        rates.lock().spent = Some(HashMap::new());
        let now = Instant::now();
        rates.call(1, RATE, now).unwrap();
        let told = rates.take_spent();
        assert_eq!(told, [(1, Duration::from_secs(20))]);
        rates.call(1, RATE, now).unwrap();
        rates.learn(told, None, now);
        assert_eq!(rates.take_spent(), [(1, Duration::from_secs(40))]);
        rates.learn(vec![(1, Duration::ZERO)], Some(vec![Duration::from_mins(1)]), now);
        assert_eq!(rates.call(1, RATE, now), Err(Duration::from_secs(20)));
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
