//! Numbers for requests that nobody can guess who has not been told.

use std::hash::{BuildHasher as _, RandomState};

/// The smallest of them. All have as many digits, and none is so large that a peer which reads
/// numbers as floating-point ones takes it for another.
const FIRST: u64 = 1 << 52;

/// Draws the numbers. Each is the `SipHash` of a count, with a key of this value's own, which
/// nobody can continue from the numbers that it has seen.
#[derive(Debug, Default)]
pub(crate) struct Unguessable {
    secret: RandomState,
    drawn: u64,
}

impl Unguessable {
    /// A number that is not taken.
    pub(crate) fn draw(&mut self, is_taken: impl Fn(u64) -> bool) -> u64 {
        loop {
            self.drawn += 1;
            let number = FIRST | (self.secret.hash_one(self.drawn) % FIRST);
            if !is_taken(number) {
                return number;
            }
        }
    }
}
