//! What tells the eras apart and translates between them. Pure: nothing here awaits.

#![cfg_attr(not(test), expect(dead_code, reason = "the downstream front is built on this"))]

pub(crate) mod classify;
pub(crate) mod metadata;
