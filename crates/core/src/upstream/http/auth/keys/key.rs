//! What a key is.

use std::io;

use ring::rand::{SecureRandom as _, SystemRandom};

pub(in crate::upstream::http::auth) const KEY_LENGTH: usize = 32;

pub(in crate::upstream::http::auth) type Key = [u8; KEY_LENGTH];

/// Fills it with random numbers.
pub(in crate::upstream::http::auth) fn fill(bytes: &mut [u8]) -> io::Result<()> {
    let failed = |_| io::Error::other("the system provides no random numbers");
    SystemRandom::new().fill(bytes).map_err(failed)
}
