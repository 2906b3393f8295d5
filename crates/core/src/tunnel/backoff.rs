//! Delays between attempts: they double from a first one up to a limit, with a random variation of
//! a quarter, so that clients that lost the same server do not return at the same moment.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use super::config::Limits;

#[derive(Clone, Debug)]
pub(super) struct Backoff {
    step: Duration,
    cap: Duration,
}

impl Backoff {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { step: limits.retry_first, cap: limits.retry_cap }
    }

    /// The delay before the next attempt; the one after it is twice as long.
    pub(super) fn next_delay(&mut self) -> Duration {
        let step = self.step.min(self.cap);
        self.step = step.saturating_mul(2);
        step.mul_f64(0.75 + 0.5 * random_fraction())
    }
}

/// A number in 0..1. The seeds of the standard hasher are random enough to spread retries.
fn random_fraction() -> f64 {
    let bits = u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or(0);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_cap_and_are_spread() {
        let limits = Limits {
            retry_first: Duration::from_secs(1),
            retry_cap: Duration::from_secs(5),
            ..Limits::default()
        };
        for _ in 0..200 {
            let mut backoff = Backoff::new(&limits);
            for step in [1.0, 2.0, 4.0, 5.0, 5.0] {
                let delay = backoff.next_delay().as_secs_f64();
                assert!((step * 0.75..step * 1.25).contains(&delay), "{delay} for {step}");
            }
        }
    }

    #[test]
    fn two_clients_do_not_wait_alike() {
        let fractions: Vec<f64> = (0..16).map(|_| random_fraction()).collect();
        assert!(fractions.iter().any(|one| (one - fractions[0]).abs() > 0.01), "{fractions:?}");
    }
}
