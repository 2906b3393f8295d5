//! A client of the handshake era in front of a server of 2026-07-28.
//!
//! The server gets the client's own identity and capabilities with every request; the client gets
//! answers without the vocabulary of an era that it does not know. Bytes in, edits out: nothing is
//! parsed into a tree, nothing waits, nothing is kept.

mod discover;
mod envelope;
mod listen;
mod request;
mod result;
mod rounds;
mod schema;

pub(crate) use discover::{DISCOVER, Discovery};
pub(crate) use envelope::{Answers, Envelope};
pub(crate) use listen::{Effect as ListenEffect, Ending, Filter, Listen};
pub(crate) use request::Additions;
pub(crate) use rounds::{Call, Failure, Progress, Round, Step, task_created};

/// The tasks extension. It has no counterpart in the handshake era that could be offered to clients; the proxy uses it
/// for calls that a server runs in no other way.
pub(crate) const TASKS_EXTENSION: &str = "io.modelcontextprotocol/tasks";
