//! A lock between processes.

use std::{fs::File, io, path::PathBuf};

use super::private;

/// Held while one process gets a grant.
#[derive(Debug)]
pub(super) struct Lock {
    #[expect(dead_code, reason = "closing it gives the lock up")]
    file: File,
}

/// Waits until no other process holds the lock on this file.
pub(super) async fn wait_for(path: PathBuf) -> io::Result<Lock> {
    path.parent().map_or(Ok(()), private::directory)?;
    let locking = tokio::task::spawn_blocking(move || {
        let file = private::open_or_create(&path)?;
        file.lock()?;
        Ok(Lock { file })
    });
    locking.await.map_err(io::Error::other)?
}
