//! A 2026-07-28 client in front of a server with a handshake: translates its requests for the
//! server, and the server's answers for the client.
//!
//! Everything is a splice into the original bytes; what no rule names passes unchanged.

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
