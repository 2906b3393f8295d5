//! The system's keyring: one secret for each name. Nothing here takes longer than a user may take
//! to unlock it, and nothing blocks a thread of the runtime.

#[cfg(any(target_os = "macos", windows))]
mod native;
mod patience;
#[cfg(not(any(target_os = "macos", windows)))]
mod secret_service;

#[cfg(any(target_os = "macos", windows))]
use native as system;
#[cfg(not(any(target_os = "macos", windows)))]
use secret_service as system;

/// The secret with this name, if there is one.
pub(super) async fn find(name: &str) -> Result<Option<Vec<u8>>, String> {
    Box::pin(system::find(name)).await
}

/// Stores a secret under this name.
pub(super) async fn keep(name: &str, secret: &[u8]) -> Result<(), String> {
    Box::pin(system::keep(name, secret)).await
}
