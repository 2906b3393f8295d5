//! Tests from outside the crate, and tests of its sources.
#![cfg(test)]

mod circles;
#[cfg(unix)]
mod fleet;
mod json_answers;
mod layers;
mod requirements;
mod security;
mod sources;
mod supply_chain;
mod tunnel;
