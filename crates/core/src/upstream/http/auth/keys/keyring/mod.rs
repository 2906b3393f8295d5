//! The system's keyring: one secret for each name. Nothing here takes longer than somebody may take
//! to unlock it, and nothing blocks a thread of the runtime.

#[cfg(any(target_os = "macos", windows))]
mod native;
#[cfg(not(any(target_os = "macos", windows)))]
mod secret_service;

use std::time::Duration;

#[cfg(any(target_os = "macos", windows))]
use native as system;
#[cfg(not(any(target_os = "macos", windows)))]
use secret_service as system;

/// Time that somebody has to unlock it.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is kept under this name, if anything is.
pub(super) async fn find(name: &str) -> Result<Option<Vec<u8>>, String> {
    Box::pin(system::find(name)).await
}

/// Keeps a secret under this name.
pub(super) async fn keep(name: &str, secret: &[u8]) -> Result<(), String> {
    Box::pin(system::keep(name, secret)).await
}
