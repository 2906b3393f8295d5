//! Notices that a file has changed.
//!
//! It checks the file with that name twice a second, so it does not matter how the file changes:
//! written in place, replaced by an editor, through a symbolic link as in a mounted volume, or on a
//! file system without notifications. A crate that uses notifications misses the last two, and
//! polls as well where there are none.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, SystemTime},
};

use tokio::sync::mpsc;

/// Time between two checks.
const PAUSE: Duration = Duration::from_millis(500);

/// Checks a file, on a thread of its own, because a file system may block.
#[derive(Debug)]
pub(crate) struct Watch(Option<mpsc::Receiver<()>>);

/// Identifies a version of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    number: u64,
}

impl Watch {
    /// Watches this file, which was read after it had this stamp; what is not a file of a file system (a pipe) cannot
    /// change.
    pub(crate) fn of(file: Option<&Path>, before: Option<Stamp>) -> Self {
        let file = file.filter(|file| fs::metadata(file).is_ok_and(|metadata| metadata.is_file()));
        let Some(file) = file.map(Path::to_owned) else { return Self(None) };
        // Several changes that nobody has read yet are read as one.
        let (seen, changes) = mpsc::channel(1);
        thread::spawn(move || look(&file, before, &seen));
        Self(Some(changes))
    }

    /// Waits until the file has changed.
    pub(crate) async fn changed(&mut self) {
        if let Some(changes) = &mut self.0
            && changes.recv().await.is_some()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// While a file is being written it is ignored, until it stays the same for one interval.
fn look(file: &Path, mut told: Option<Stamp>, seen: &mpsc::Sender<()>) {
    let mut before = told.clone();
    while !seen.is_closed() {
        thread::sleep(PAUSE);
        let now = Stamp::of(file);
        if now == before && now != told {
            told.clone_from(&now);
            if let Err(mpsc::error::TrySendError::Closed(())) = seen.try_send(()) {
                return;
            }
        }
        before = now;
    }
}

impl Stamp {
    pub(crate) fn of(file: &Path) -> Option<Self> {
        let metadata = fs::metadata(file).ok()?;
        let (modified, length) = (metadata.modified().ok(), metadata.len());
        Some(Self { modified, length, number: number(&metadata) })
    }
}

#[cfg(unix)]
fn number(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn number(_: &fs::Metadata) -> u64 {
    0
}
