//! The pings to a server.

use std::time::Duration;

use mcp_proxy_core::config::PingConfig;

use super::units::limit;
use crate::args::{UsageError, Values, flags};

/// See the module; none by default.
pub(super) fn ping(values: &Values) -> Result<Option<PingConfig>, UsageError> {
    let interval = limit(values.of(&flags::PING_INTERVAL)?).map(Duration::from_millis);
    let timeout = Duration::from_millis(values.of(&flags::PING_TIMEOUT)?);
    Ok(interval.map(|interval| PingConfig { interval, timeout }))
}
