//! Messages to the person who watches a run.

use std::io::{self, Write as _};

/// See the module.
pub(crate) fn notice(line: &str) {
    // The run continues even if nobody watches.
    let _shown = writeln!(io::stderr(), "{line}");
}
