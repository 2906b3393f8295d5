//! Parses and verifies a bearer token that is a signed JWT (RFC 7519, RFC 9068). Pure.
//!
//! The signatures are checked with `ring`, which TLS needs anyway. `jsonwebtoken` has no back end
//! for it, and a second cryptographic library would cost more than these few files. Besides, it
//! treats `iss`, `aud` and `nbf` as optional by default; here they are required.
//!
//! A token cannot choose how it is checked: an [`Algorithm`] always uses a public key, so neither
//! `none` nor a shared secret can be expressed, and a key accepts only its own algorithm.

mod algorithm;
mod because;
mod claims;
mod jws;
mod key;
mod rules;
mod strict;
mod verify;

pub(crate) use algorithm::Algorithm;
pub(crate) use because::{Because, quoted};
pub(crate) use claims::{Claims, Reading};
pub(crate) use jws::Jws;
pub(crate) use key::KeySet;
pub(crate) use rules::{Audience, Rules, SKEW};
pub(crate) use strict::object;
pub(crate) use verify::{check, check_issuer, check_times, verify};

/// Longest token that is read, 16 KiB.
pub(crate) const MAX_TOKEN: usize = 16 * 1024;

/// Seconds since 1970.
pub(crate) type Seconds = u64;

#[cfg(test)]
pub(crate) mod tests;
