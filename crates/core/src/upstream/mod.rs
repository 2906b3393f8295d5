//! Servers behind the proxy.

mod child;
mod handshake;
mod process;
mod stderr;

pub(crate) use child::Child;
