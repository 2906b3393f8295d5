//! Servers behind the proxy.

mod child;
mod handshake;
mod lines;
mod process;
mod restart;
mod stderr;
mod supervisor;

pub(crate) use supervisor::Supervisor;
