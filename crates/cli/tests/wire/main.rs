//! End-to-end tests of the native binary by raw bytes, one module per area.
#![cfg(unix)]

#[path = "../support/mod.rs"]
mod support;

mod access;
mod listen;
mod routing;
mod streamable;
