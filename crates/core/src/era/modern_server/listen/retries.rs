//! When a stream of changes that broke is opened again.

use std::time::Duration;

/// Pause before the first attempt to open a broken stream again; each further one is twice as long.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Attempts in a row, after which there is a long pause.
const MAX_ATTEMPTS: u32 = 6;
/// The long pause; after as much time without a failure the attempts are counted from zero.
const LONG_PAUSE: Duration = Duration::from_mins(1);
/// A stream that was open for so long did not fail for the reason of the one before.
const STABLE_AFTER: Duration = Duration::from_secs(30);

/// The attempts so far. Time is handed in, as what has passed since some moment.
#[derive(Debug, Default)]
pub(super) struct Retries {
    attempts: u32,
    last_attempt: Duration,
}

impl Retries {
    /// A stream that had lived for so long has failed: how long to wait before the next attempt.
    pub(super) fn failed(&mut self, lived: Duration, now: Duration) -> Duration {
        let quiet = now.saturating_sub(self.last_attempt) >= LONG_PAUSE;
        if lived >= STABLE_AFTER || quiet {
            self.attempts = 0;
        }
        self.last_attempt = now;
        if self.attempts == MAX_ATTEMPTS {
            self.attempts = 0;
            return LONG_PAUSE;
        }
        self.attempts += 1;
        FIRST_PAUSE.saturating_mul(1 << (self.attempts - 1))
    }
}
