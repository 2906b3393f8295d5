//! The time limit of an examination, and the shares that its steps get.

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

    /// The time for a step that asks for this much, at most what is left.
    pub(super) fn at_most(self, wanted: Duration) -> Duration {
        wanted.min(self.left())
    }

    pub(super) fn left(self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }
}
