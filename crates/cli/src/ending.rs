//! How the command ends, as a number for whoever started it.

use std::process::ExitCode;

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Ending {
    /// It was successful.
    Success = 0,
    /// It failed, and has reported why.
    Failure = 1,
    /// The server answered with an error.
    Refused = 2,
    /// The server requires credentials, or other ones.
    Unauthorized = 3,
    /// The server cannot be reached, or does not work.
    Unreached = 4,
    /// The called tool failed.
    ToolFailed = 5,
    /// The examined server has a fault.
    Unwell = 6,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(ending as u8)
    }
}
