//! End-to-end tests for operators: health, metrics, limits, logs.

mod health;
mod inspect;
mod limits;
mod logs;
mod metrics;
mod recording;
mod replay;
mod trace_context;

use crate::support::scrape;
