//! Request numbers that nobody can guess.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher as _, BuildHasherDefault, Hasher, RandomState},
};

use ring::rand::{SecureRandom as _, SystemRandom};

/// The smallest number. All have the same number of digits, and none exceeds what peers that read
/// numbers as floating-point values can represent.
const FIRST: u64 = 1 << 52;

/// How many are drawn from the system at a time.
const BATCH: usize = 64;

/// Draws numbers from the system's random source.
#[derive(Default)]
pub(crate) struct Unguessable {
    /// Drawn and not used yet.
    random: Vec<u64>,
}

impl fmt::Debug for Unguessable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unguessable")
    }
}

impl Unguessable {
    /// A number that is not in use.
    pub(crate) fn draw(&mut self, is_taken: impl Fn(u64) -> bool) -> u64 {
        loop {
            let random = self.random.pop().unwrap_or_else(|| self.refill());
            let number = FIRST | (random % FIRST);
            if !is_taken(number) {
                return number;
            }
        }
    }

    #[cold]
    fn refill(&mut self) -> u64 {
        let mut bytes = [0; 8 * BATCH];
        if SystemRandom::new().fill(&mut bytes).is_err() {
            // If that fails, a `SipHash` with a secret key is as good.
            return RandomState::new().hash_one(());
        }
        let (eights, _) = bytes.as_chunks();
        self.random.extend(eights.iter().map(|eight| u64::from_le_bytes(*eight)));
        self.random.pop().unwrap_or_default()
    }
}

/// A map keyed by the proxy's own numbers.
pub(super) type ById<V> = HashMap<u64, V, BuildHasherDefault<Unhashed>>;

/// Our own numbers are distributed well enough without hashing.
#[derive(Debug, Default)]
pub(super) struct Unhashed(u64);

impl Hasher for Unhashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        // hashbrown uses the top seven bits for its tags.
        self.0 = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
