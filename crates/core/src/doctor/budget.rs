//! The time that an examination has, and the parts of it that its steps may take.

use std::time::Duration;

use tokio::time::Instant;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    end: Instant,
}

impl Budget {
    pub(super) fn new(whole: Duration) -> Self {
        Self { end: Instant::now() + whole }
    }

    /// What a step may take that wants this long, if there is so much left.
    pub(super) fn at_most(self, wanted: Duration) -> Duration {
        wanted.min(self.left())
    }

    pub(super) fn left(self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }
}
