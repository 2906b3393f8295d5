//! Where programs are.

use std::path::PathBuf;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The directory of this build: `bare`, `echo` and, once built, our addon and its loader.
    pub(crate) build: PathBuf,
    /// Our command.
    pub(crate) ours: PathBuf,
    /// Where peers are installed.
    pub(crate) cache: PathBuf,
    /// The repository.
    pub(crate) root: PathBuf,
}

impl Places {
    /// The stdio server behind every contestant.
    pub(crate) fn echo(&self) -> PathBuf {
        self.build.join("echo")
    }

    /// The repository's own npm tree, with the SDKs and two releases of the original.
    pub(super) fn node_modules(&self) -> PathBuf {
        self.root.join("node_modules")
    }
}
