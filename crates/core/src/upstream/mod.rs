//! Servers behind the proxy.

mod child;
mod guard;
mod handshake;
mod http;
mod lines;
mod nursery;
mod process;
mod restart;
mod stderr;
mod supervisor;

pub use guard::{Guard, groups_left};
pub(crate) use http::Remote;
pub(crate) use nursery::Nursery;
pub(crate) use supervisor::Supervisor;

#[cfg(test)]
mod tests;
