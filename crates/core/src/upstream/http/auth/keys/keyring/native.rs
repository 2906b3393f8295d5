//! The keychain of macOS and the credentials of Windows; their calls block and may show a dialog.

use std::{sync::Arc, thread};

use keyring_core::{CredentialStore, Entry, Error};
use tokio::{sync::oneshot, time::timeout};

#[cfg(target_os = "macos")]
use apple_native_keyring_store::keychain::Store;
#[cfg(windows)]
use windows_native_keyring_store::Store;

use super::patience::PATIENCE;

const PRODUCT: &str = "mcp-proxy";

pub(super) async fn find(name: &str) -> Result<Option<Vec<u8>>, String> {
    let name = name.to_owned();
    aside(move || match entry(&name)?.get_secret() {
        Ok(secret) => Ok(Some(secret)),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(error),
    })
    .await
}

pub(super) async fn keep(name: &str, secret: &[u8]) -> Result<(), String> {
    let (name, secret) = (name.to_owned(), secret.to_vec());
    aside(move || entry(&name)?.set_secret(&secret)).await
}

fn entry(name: &str) -> Result<Entry, Error> {
    let store: Arc<CredentialStore> = Store::new()?;
    store.build(PRODUCT, name, None)
}

/// Runs it on a thread of its own; the process does not wait for that thread when it ends.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, String> {
    let (tell, told) = oneshot::channel();
    let work = move || drop(tell.send(work()));
    thread::Builder::new()
        .name("keyring".to_owned())
        .spawn(work)
        .map_err(|error| error.to_string())?;
    match timeout(PATIENCE, told).await {
        Ok(Ok(outcome)) => outcome.map_err(|error| error.to_string()),
        Ok(Err(_)) => Err("it failed".to_owned()),
        Err(_) => Err("nobody unlocked it in time".to_owned()),
    }
}
