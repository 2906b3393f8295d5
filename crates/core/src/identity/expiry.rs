//! How long something that a caller has opened may stay open: until the newest of its credentials
//! expire.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::{Identity, now, token::Seconds};

/// No expiry.
const NEVER: Seconds = Seconds::MAX;

/// See the module.
#[derive(Debug)]
pub(crate) struct Expiry(AtomicU64);

impl Expiry {
    /// Expires with the credentials of this identity.
    pub(crate) fn of(identity: &Identity) -> Self {
        Self(AtomicU64::new(end(identity)))
    }

    /// The same identity has presented credentials again; the latest expiry counts.
    pub(crate) fn extend(&self, identity: &Identity) {
        self.0.fetch_max(end(identity), Ordering::Relaxed);
    }

    /// The remaining time; `None` without an expiry.
    pub(crate) fn left(&self) -> Option<Duration> {
        let end = self.0.load(Ordering::Relaxed);
        (end != NEVER).then(|| Duration::from_secs(end.saturating_sub(now())))
    }
}

fn end(identity: &Identity) -> Seconds {
    identity.claims().map_or(NEVER, |claims| claims.valid_until())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Claims;

    fn until(expires: Option<Seconds>) -> Identity {
        Claims { expires, ..Claims::new("i", "s") }.into()
    }

    #[test]
    fn the_latest_end_that_was_shown_counts() {
        let expiry = Expiry::of(&until(Some(now() + 100)));
        let about = |from: u64, to: u64| {
            let left = expiry.left().unwrap().as_secs();
            assert!((from..=to).contains(&left), "{left}");
        };
        about(158, 160);
        expiry.extend(&until(Some(now() + 1000)));
        expiry.extend(&until(Some(now())));
        about(1058, 1060);
        expiry.extend(&until(None));
        assert_eq!(expiry.left(), None);
        assert_eq!(Expiry::of(&until(Some(0))).left(), Some(Duration::ZERO));
        assert_eq!(Expiry::of(&Identity::default()).left(), None);
    }
}
