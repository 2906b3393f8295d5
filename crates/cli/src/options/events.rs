//! Where events are stored for clients that reconnect.

use mcp_proxy_core::config::EventStoreConfig;

use super::units::size;
use crate::args::{UsageError, Values, flags};

/// The events of `--eventStore`, if it is on.
pub(super) fn event_store(values: &Values) -> Result<Option<EventStoreConfig>, UsageError> {
    let max_events = size(values.of(&flags::EVENT_STORE_MAX_EVENTS)?);
    let max_bytes = size(values.of(&flags::EVENT_STORE_MAX_BYTES)?);
    let store = EventStoreConfig { max_events, max_bytes };
    Ok(values.of(&flags::EVENT_STORE)?.then_some(store))
}
