//! How often something of each kind may happen; what was left out is counted.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// The same rate for each kind: a token bucket that is full at first.
#[derive(Debug)]
pub struct Allowance<K> {
    burst: f64,
    per_second: f64,
    kinds: Mutex<HashMap<K, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    since: Instant,
    left_out: u64,
}

impl<K: Eq + Hash> Allowance<K> {
    /// Allows `burst` of each kind in a row, and `per_second` further ones.
    pub fn new(burst: f64, per_second: f64) -> Self {
        Self { burst, per_second, kinds: Mutex::default() }
    }

    /// Whether one more of this kind is allowed; if so, how many were left out before it.
    pub fn admit(&self, kind: K, now: Instant) -> Option<u64> {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = || Bucket { tokens: self.burst, since: now, left_out: 0 };
        let bucket = kinds.entry(kind).or_insert_with(begun);
        let passed = now.saturating_duration_since(bucket.since).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * self.per_second).min(self.burst);
        bucket.since = now;
        if bucket.tokens < 1.0 {
            bucket.left_out += 1;
            return None;
        }
        bucket.tokens -= 1.0;
        Some(std::mem::take(&mut bucket.left_out))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_kind_has_a_bounded_rate_and_what_is_left_out_is_counted() {
        let (allowance, start) = (Allowance::new(20.0, 1.0), Instant::now());
        let admitted = (0..100).filter(|_| allowance.admit("a", start).is_some()).count();
        assert_eq!(admitted, 20);
        assert_eq!(allowance.admit("b", start), Some(0));
        assert_eq!(allowance.admit("a", start + Duration::from_secs(1)), Some(80));
        assert_eq!(allowance.admit("a", start + Duration::from_secs(1)), None);
    }
}
