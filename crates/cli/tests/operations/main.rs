//! End-to-end tests of what an operator relies on: health, metrics, limits, logs.
#![cfg(test)]
#![cfg(unix)]

#[path = "../support/mod.rs"]
mod support;

mod health;
mod limits;
mod logs;
mod metrics;
mod trace_context;

use support::scrape;
