//! The first line of every part of a recording.

use serde::{Deserialize, Serialize};

use crate::watch::line::Scribe;

/// Name of the format in the header.
pub(crate) const FORMAT: &str = "mcp-proxy-recording";
/// The version of the format that is written, and the newest that is read.
pub(crate) const VERSION: u32 = 1;

/// The first line of every part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) format: String,
    pub(crate) version: u32,
    /// When the recording began (RFC 3339); the times of lines count from there.
    pub(crate) started: String,
    /// Version of the proxy that wrote it.
    pub(crate) proxy: String,
    /// Number of the part, from 1.
    pub(crate) part: u64,
    /// Whether secrets were removed.
    pub(crate) redacted: bool,
}

impl Header {
    /// The header of what this scribe writes.
    pub(crate) fn new(scribe: &Scribe) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            started: scribe.started(),
            proxy: crate::VERSION.to_owned(),
            part: 1,
            redacted: scribe.redacts(),
        }
    }
}
