//! When a broken stream of changes is opened again.

use std::time::Duration;

/// Pause before the first attempt to reopen a broken stream; each further pause is twice as long.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Attempts in a row before the long pause.
const MAX_ATTEMPTS: u32 = 6;
/// The long pause; after this time without a failure, the count of attempts starts over.
const LONG_PAUSE: Duration = Duration::from_mins(1);
/// If a stream was open for this long, its failure is unrelated to the one before.
const STABLE_AFTER: Duration = Duration::from_secs(30);

/// The attempts so far. Time is passed in, as the duration since some moment.
#[derive(Debug, Default)]
pub(super) struct Retries {
    attempts: u32,
    last_attempt: Duration,
}

impl Retries {
    /// A stream that was open this long has failed: returns the pause before the next attempt.
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
