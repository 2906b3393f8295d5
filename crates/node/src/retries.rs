//! When JavaScript opens the listen stream of an SDK client again.

use std::time::Duration;

use mcp_proxy_core::{Pause, Retries};
use napi_derive::napi;

/// The attempts of one stream so far.
#[derive(Debug, Default)]
#[napi]
pub struct ListenRetries(Retries);

/// What comes before the next attempt.
#[derive(Debug)]
#[napi(object)]
pub struct RetryPause {
    /// Milliseconds.
    pub length: f64,
    /// Enough was tried for now.
    pub is_long: bool,
}

#[napi]
impl ListenRetries {
    /// None so far.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// A stream has failed that had lived for so many milliseconds, at this moment in milliseconds.
    #[napi]
    pub fn failed(&mut self, lived: f64, now: f64) -> RetryPause {
        let time = |milliseconds: f64| {
            Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or_default()
        };
        let Pause { length, is_long } = self.0.failed(time(lived), time(now));
        RetryPause { length: length.as_secs_f64() * 1000.0, is_long }
    }
}
