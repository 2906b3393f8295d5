//! Many servers from a configuration file, often a client's own.
//!
//! Everything is read unambiguously or refused, with the place in the file. The command line's
//! flags come in as a [`Vocabulary`], since the skin defines them.

mod block;
mod callers;
pub mod clients;
mod dialect;
mod difference;
mod document;
mod draft;
mod entitlement;
mod fault;
mod inputs;
mod manifest;
mod members;
mod rules;
mod setting;
mod variables;

pub use callers::AUTH_FLAGS;
pub use dialect::Dialect;
pub use difference::{Difference, Step, Tuning, difference};
pub use entitlement::policy;
pub use fault::{Fault, Position, printable};
pub use inputs::Input;
pub use manifest::{Entry, Manifest, Start};
pub use members::Unused;
pub use setting::{Kind, Known, Setting, Vocabulary};
pub use variables::Variables;

#[cfg(test)]
mod tests;
