//! Servers behind the proxy.

mod child;
mod handshake;
mod lines;
mod nursery;
mod process;
mod restart;
mod stderr;
mod supervisor;

pub(crate) use nursery::Nursery;
pub(crate) use supervisor::Supervisor;
