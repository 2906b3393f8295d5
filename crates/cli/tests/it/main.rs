//! The real executable, from outside: one binary with a module for each area.
#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

mod arguments;
#[cfg(unix)]
mod auth;
mod calling;
#[cfg(unix)]
mod chaos;
#[cfg(unix)]
mod cluster;
#[cfg(unix)]
mod fleet;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(unix)]
mod operations;
#[cfg(unix)]
mod remote;
mod rust_sdk;
#[cfg(unix)]
mod telemetry;
#[cfg(unix)]
mod torture;
#[cfg(unix)]
mod wire;
