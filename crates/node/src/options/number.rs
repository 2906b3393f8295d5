//! Numbers of JavaScript as times and counts.

use std::time::Duration;

use super::given::{Given, Wrong};

/// A time in milliseconds; a negative one counts as missing.
pub(super) fn milliseconds(given: &Given, name: &str) -> Result<Option<Duration>, Wrong> {
    Ok(given.take::<f64>(name)?.map(|time| duration(time).unwrap_or_default()))
}

/// `None` if it is not a time; the longest possible one if it would never end.
pub(super) fn duration(milliseconds: f64) -> Option<Duration> {
    /// Beyond the range of timers, and longer than anybody waits.
    const LONGEST: f64 = 1e13;
    (milliseconds >= 0.0).then(|| Duration::from_secs_f64(milliseconds.min(LONGEST) / 1000.0))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count beyond the range is as good as its end"
)]
pub(super) fn whole(number: f64) -> usize {
    number as usize
}
