//! What is seen from outside the crate, and what its sources say about themselves.
#![cfg(test)]

mod json_answers;
mod layers;
mod requirements;
mod tunnel;
