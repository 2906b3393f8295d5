//! Servers behind the proxy.

mod child;
mod guard;
mod handshake;
mod hang;
mod held_connection;
mod http;
mod lines;
mod negotiation;
mod nursery;
mod outlook;
mod pool;
mod process;
mod program;
mod restart;
mod stderr;
mod supervisor;
mod tenancy;

pub use guard::{Guard, groups_left};
pub(crate) use http::Remote;
pub(crate) use nursery::Nursery;
pub(crate) use pool::ServerPool;
pub(crate) use supervisor::Supervisor;

#[cfg(test)]
mod tests;
