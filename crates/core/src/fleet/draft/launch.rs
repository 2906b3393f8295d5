//! How a server of a file is started, or why that cannot be read.

use crate::fleet::{fault::Fault, members::Text, setting::DraftSetting};

/// How a server is reached, in the command line's terms.
#[derive(Clone, Debug)]
pub(in crate::fleet) struct Launch {
    /// Program and arguments; or the URL alone.
    pub(in crate::fleet) words: Vec<Text>,
    /// As flags of the command line; if one is repeated, the last value counts.
    pub(in crate::fleet) settings: Vec<DraftSetting>,
}

/// Why a server cannot be read.
pub(super) enum Refusal {
    /// The file is invalid.
    File(Fault),
    /// This server cannot be served.
    Server(Fault),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::File(fault)
    }
}

/// Members with the transport of a server.
pub(super) const KINDS: [&str; 3] = ["type", "transport", "transportType"];
