//! Verified tokens, so that checking a repeated one costs one look-up.
//!
//! A token is identified by half of its SHA-256 hash, so memory dumps contain no tokens. The cache
//! is limited in bytes and has two halves. When the younger one is full it becomes the older one,
//! and the previous older one is dropped. Entries that are used move to the younger one.

use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use ring::digest;

use super::token::Seconds;

/// Most bytes of both halves together.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of an entry besides its value: hash, length, time and the table's overhead.
const OVERHEAD: usize = 96;

/// The hash of a token.
pub(crate) type Hash = [u8; 32];
/// Enough of it to tell tokens apart.
type Key = [u8; 16];

/// The hash by which a token is identified.
pub(crate) fn hash(token: &str) -> Hash {
    let digest = digest::digest(&digest::SHA256, token.as_bytes());
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Cache<V> {
    halves: Mutex<Halves<V>>,
    /// Most bytes of one half.
    room: usize,
}

#[derive(Debug)]
struct Halves<V> {
    young: Half<V>,
    old: Half<V>,
}

#[derive(Debug)]
struct Half<V> {
    entries: HashMap<Key, Entry<V>>,
    bytes: usize,
}

#[derive(Clone, Debug)]
struct Entry<V> {
    value: V,
    until: Seconds,
    bytes: usize,
}

impl<V> Default for Half<V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), bytes: 0 }
    }
}

impl<V> Default for Cache<V> {
    fn default() -> Self {
        Self::new(MAX_BYTES)
    }
}

impl<V> Cache<V> {
    fn new(bytes: usize) -> Self {
        let halves = Halves { young: Half::default(), old: Half::default() };
        Self { halves: Mutex::new(halves), room: bytes / 2 }
    }

    fn lock(&self) -> MutexGuard<'_, Halves<V>> {
        self.halves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores a value of this size until that time.
    pub(crate) fn insert(&self, hash: Hash, value: V, bytes: usize, until: Seconds) {
        let entry = Entry { value, until, bytes: bytes + OVERHEAD };
        self.lock().insert(key(&hash), entry, self.room);
    }
}

impl<V: Clone> Cache<V> {
    /// The stored value for this token.
    pub(crate) fn get(&self, hash: &Hash, now: Seconds) -> Option<V> {
        let (key, mut halves) = (key(hash), self.lock());
        if let Some(entry) = halves.young.entries.get(&key) {
            return Some(entry.value.clone()).filter(|_| now < entry.until);
        }
        let entry = halves.old.entries.remove(&key)?;
        halves.old.bytes -= entry.bytes;
        if now >= entry.until {
            return None;
        }
        let value = entry.value.clone();
        halves.insert(key, entry, self.room);
        Some(value)
    }
}

fn key(hash: &Hash) -> Key {
    let mut key = Key::default();
    key.copy_from_slice(&hash[..size_of::<Key>()]);
    key
}

impl<V> Halves<V> {
    fn insert(&mut self, key: Key, entry: Entry<V>, room: usize) {
        if entry.bytes > room {
            return;
        }
        if self.young.bytes + entry.bytes > room {
            self.old = mem::take(&mut self.young);
        }
        self.young.bytes += entry.bytes;
        if let Some(before) = self.young.entries.insert(key, entry) {
            self.young.bytes -= before.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(number: u32) -> Hash {
        hash(&number.to_string())
    }

    #[test]
    fn what_was_verified_is_known_until_it_ends() {
        let cache = Cache::default();
        cache.insert(token(1), "alice", 100, 50);
        assert_eq!(cache.get(&token(1), 49), Some("alice"));
        assert_eq!(cache.get(&token(1), 50), None);
        assert_eq!(cache.get(&token(2), 0), None);
    }

    #[test]
    fn it_is_bounded_and_keeps_what_is_used() {
        let cache = Cache::new(100 * 2 * (100 + OVERHEAD));
        cache.insert(token(0), 0, 100, 10);
        for number in 1..10_000 {
            cache.insert(token(number), number, 100, 10);
            assert_eq!(cache.get(&token(0), 0), Some(0), "{number}");
        }
        let halves = cache.lock();
        assert!(halves.young.entries.len() + halves.old.entries.len() <= 200);
        assert!(halves.young.bytes + halves.old.bytes <= 200 * (100 + OVERHEAD));
        drop(halves);
        assert_eq!(cache.get(&token(1), 0), None);
        assert_eq!(cache.get(&token(9_999), 0), Some(9_999));
    }

    #[test]
    fn what_is_replaced_or_too_large_takes_no_room() {
        let cache = Cache::new(2 * (1000 + OVERHEAD));
        for _ in 0..100 {
            cache.insert(token(1), 1, 1000, 10);
        }
        assert!(cache.lock().young.bytes <= 1000 + OVERHEAD);
        cache.insert(token(2), 2, 1001, 10);
        assert_eq!(cache.get(&token(2), 0), None);
        assert_eq!(cache.get(&token(1), 0), Some(1));
    }
}
