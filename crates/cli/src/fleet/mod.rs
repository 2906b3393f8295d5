//! Runs a proxy of many servers until it is told to stop.

use crate::{Ending, console, options::FleetOptions};

/// Serves as the options say; so ends the process.
pub(crate) fn run(options: FleetOptions) -> Ending {
    drop(options);
    console::complain("Error: --config is only checked yet: use --checkConfig");
    Ending::Failure
}
