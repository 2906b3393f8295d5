//! What the layers of the log share.

use tracing_subscriber::{Layer, registry::Registry};

/// Target for beginnings of lines on standard output.
pub(crate) const BEGINNING: &str = "mcp_proxy::console_beginning";

/// Prefix of our own targets.
pub(super) const OURS: &str = "mcp_proxy";

/// A layer of the subscriber.
pub(super) type Part = Box<dyn Layer<Registry> + Send + Sync>;
