//! What whoever watches a run is told.

use std::io::{self, Write as _};

/// See the module.
pub(crate) fn notice(line: &str) {
    // It goes on even if nobody watches.
    let _shown = writeln!(io::stderr(), "{line}");
}
