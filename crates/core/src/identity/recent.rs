//! Tokens that came recently, recognised by their raw header, so that a repeated caller costs
//! almost nothing: neither a cryptographic hash nor parsing.
//!
//! A header is identified by 128 bits that depend on random keys of this process. They are fast,
//! but not secure against somebody who knows two headers and the keys. That is sufficient: to be
//! mistaken for another caller, an attacker needs a header with the same bits, so must know the
//! other's token and could use that anyway. No part of a token is stored.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, Mutex, PoisonError},
};

use super::token::{Claims, Seconds};

/// Most headers that are remembered; each has one slot.
const PLACES: usize = 512;

/// See the module.
#[derive(Debug)]
pub(super) struct Recent {
    keys: [u64; 4],
    places: Box<[Mutex<Option<Known>>]>,
}

#[derive(Debug)]
struct Known {
    print: u128,
    claims: Arc<Claims>,
    until: Seconds,
}

impl Default for Recent {
    fn default() -> Self {
        let random = RandomState::new();
        let places = (0..PLACES).map(|_| Mutex::default()).collect();
        Self { keys: [0, 1, 2, 3].map(|index: u64| random.hash_one(index)), places }
    }
}

impl Recent {
    /// Who sent this header, if it is known and still valid.
    pub(super) fn get(&self, header: &[u8], now: Seconds) -> Option<Arc<Claims>> {
        let print = self.print(header);
        let place = self.place(print).lock().unwrap_or_else(PoisonError::into_inner);
        let known = place.as_ref().filter(|known| known.print == print && now < known.until)?;
        Some(Arc::clone(&known.claims))
    }

    /// Remembers who sends this header; may overwrite another entry.
    pub(super) fn insert(&self, header: &[u8], claims: Arc<Claims>) {
        let (print, until) = (self.print(header), claims.valid_until());
        let known = Known { print, claims, until };
        *self.place(print).lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
    }

    fn place(&self, print: u128) -> &Mutex<Option<Known>> {
        let index = print as usize % PLACES;
        &self.places[index]
    }

    fn print(&self, header: &[u8]) -> u128 {
        let [first, second, third, fourth] = self.keys;
        let (mut one, mut other) = (first ^ header.len() as u64, second);
        let (chunks, rest) = header.as_chunks::<16>();
        let mut last = [0; 16];
        last[..rest.len()].copy_from_slice(rest);
        for chunk in chunks.iter().chain([&last]) {
            let both = u128::from_le_bytes(*chunk);
            let (low, high) = halves(both);
            one = folded(one ^ low, third ^ high);
            other = folded(other ^ high, fourth ^ low);
        }
        u128::from(one) << 64 | u128::from(other)
    }
}

/// Both halves of a product, combined.
fn folded(one: u64, other: u64) -> u64 {
    let (low, high) = halves(u128::from(one) * u128::from(other));
    low ^ high
}

#[expect(clippy::cast_possible_truncation, reason = "they are the halves")]
fn halves(both: u128) -> (u64, u64) {
    (both as u64, (both >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn person(subject: &str, expires: Seconds) -> Arc<Claims> {
        Arc::new(Claims { expires: Some(expires), ..Claims::new("i", subject) })
    }

    #[test]
    fn a_header_is_known_again_until_it_ends() {
        let recent = Recent::default();
        recent.insert(b"Bearer a", person("alice", 100));
        assert_eq!(recent.get(b"Bearer a", 159).unwrap().subject, "alice");
        assert_eq!(recent.get(b"Bearer a", 160), None, "after the skew");
        for other in [&b"Bearer b"[..], b"bearer a", b"Bearer a ", b"Bearer a\0", b"", b"Bearer "] {
            assert_eq!(recent.get(other, 0), None, "{other:?}");
        }
        recent.insert(b"Bearer a", person("bob", 100));
        assert_eq!(recent.get(b"Bearer a", 0).unwrap().subject, "bob");
    }

    #[test]
    fn what_is_known_is_bounded() {
        let recent = Recent::default();
        let header = |number: usize| format!("Bearer {number}");
        for number in 0..20_000 {
            recent.insert(header(number).as_bytes(), person(&number.to_string(), 100));
            let found = recent.get(header(number).as_bytes(), 0).unwrap();
            assert_eq!(found.subject, number.to_string(), "the newest is always there");
        }
        let known =
            (0..20_000).filter(|number| recent.get(header(*number).as_bytes(), 0).is_some());
        let known = known.count();
        assert!((PLACES / 2..=PLACES).contains(&known), "{known}");
    }

    #[test]
    fn every_bit_of_a_header_counts() {
        let recent = Recent::default();
        let header = [b'x'; 100];
        let mut seen = HashSet::from([recent.print(&header)]);
        for bit in 0..800 {
            let mut other = header;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(seen.insert(recent.print(&other)), "{bit}");
        }
        for length in 0..100 {
            assert!(seen.insert(recent.print(&header[..length])), "{length}");
        }
        assert_ne!(Recent::default().print(&header), recent.print(&header), "keys are random");
    }
}
