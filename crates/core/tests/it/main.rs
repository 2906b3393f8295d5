//! What is seen from outside the crate, and what its sources say about themselves.
#![cfg(test)]

#[cfg(unix)]
mod fleet;
mod json_answers;
mod layers;
mod requirements;
mod tunnel;
