//! A client of the 2026-07-28 revision in front of a server with a handshake: its requests in the
//! server's words, and the server's answers in its own.
//!
//! Everything is a splice into the bytes that came; what no rule names crosses as it is.

mod discovery;
mod error;
mod filter;
mod request;
mod result;
pub(crate) mod tool_task;

pub(crate) use discovery::{Greeting, handshake};
pub(crate) use error::{Translated, translate_error};
pub(crate) use filter::Filter;
pub(crate) use request::{Asked, LegacyRequest, is_of_sessions};
pub(crate) use result::{Answer, Patch, stamps};

pub(crate) use super::metadata::{SERVER_INFO, SUBSCRIPTION_ID};

#[cfg(test)]
mod tests;
