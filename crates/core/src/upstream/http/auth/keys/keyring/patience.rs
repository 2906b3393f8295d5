//! How long the keyring is waited for.

use std::time::Duration;

/// Time that a user has to unlock it.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
