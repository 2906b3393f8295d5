//! What is recorded of the traffic, and which parts are left out.

use std::path::PathBuf;

use super::{DEFAULT_RECORD_MAX_FILES, DEFAULT_RECORD_MAX_SIZE};

/// A recording of all traffic in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordingConfig {
    /// The file; older parts have `.1`, `.2` … appended to its name.
    pub file: PathBuf,
    /// Size in bytes at which a part is full, 100 MB by default.
    pub max_size: u64,
    /// Most parts that are kept, 10 by default; at least 1.
    pub max_files: usize,
    /// Which secrets are left out.
    pub redaction: RedactionConfig,
}

impl RecordingConfig {
    /// The defaults, for this file.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into(),
            max_size: DEFAULT_RECORD_MAX_SIZE as u64,
            max_files: DEFAULT_RECORD_MAX_FILES,
            redaction: RedactionConfig::default(),
        }
    }
}

/// The inspection page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InspectConfig {
    /// Its port on 127.0.0.1; with 0, the default, the system chooses one.
    pub port: u16,
    /// Which secrets are left out.
    pub redaction: RedactionConfig,
}

/// Secrets that are removed from what is shown or recorded, besides those that are recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedactionConfig {
    /// Remove nothing. Off by default.
    pub off: bool,
    /// Names of members (`ssn`), JSON Pointers (`/params/arguments/pin`) and dotted paths
    /// (`$.result.content.*.text`).
    pub what: Vec<String>,
}
