//! Sees that a file has become another one.
//!
//! What is looked at is the file that stands under the name, twice a second, so that it does not
//! matter how it came there: written in place, put in its place by an editor, changed through a
//! link as in a mounted volume, on a file system that tells nobody of changes. A crate that is told
//! by the system does none of the latter two, and looks as well where it cannot be told.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, SystemTime},
};

use tokio::sync::mpsc;

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// Looks at a file, on a thread of its own: a file system may keep whoever asks it waiting.
#[derive(Debug)]
pub(crate) struct Watch(Option<mpsc::Receiver<()>>);

/// What tells a file from another one under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    number: u64,
}

impl Watch {
    /// Watches this file; what is not a file of a file system (a pipe) cannot change.
    pub(crate) fn of(file: Option<&Path>) -> Self {
        let file = file.filter(|file| fs::metadata(file).is_ok_and(|metadata| metadata.is_file()));
        let Some(file) = file.map(Path::to_owned) else { return Self(None) };
        // What is seen while nobody reads it is read once.
        let (seen, changes) = mpsc::channel(1);
        let before = stamp(&file);
        thread::spawn(move || look(&file, before, &seen));
        Self(Some(changes))
    }

    /// Waits until the file is another one.
    pub(crate) async fn changed(&mut self) {
        if let Some(changes) = &mut self.0
            && changes.recv().await.is_some()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// A file that is being written is left alone until it stays the same for one pause.
fn look(file: &Path, mut told: Option<Stamp>, seen: &mpsc::Sender<()>) {
    let mut before = told.clone();
    while !seen.is_closed() {
        thread::sleep(PAUSE);
        let now = stamp(file);
        if now == before && now != told {
            told.clone_from(&now);
            if let Err(mpsc::error::TrySendError::Closed(())) = seen.try_send(()) {
                return;
            }
        }
        before = now;
    }
}

fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(file).ok()?;
    Some(Stamp {
        modified: metadata.modified().ok(),
        length: metadata.len(),
        number: number(&metadata),
    })
}

#[cfg(unix)]
fn number(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn number(_: &fs::Metadata) -> u64 {
    0
}
