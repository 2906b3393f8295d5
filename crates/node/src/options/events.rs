//! The option `eventStore`.

use mcp_proxy_core::config::EventStoreConfig;

use super::{
    given::{Count, Either, Given, Off, Wrong},
    number::whole,
};

pub(super) fn event_store(given: &Given) -> Result<Option<EventStoreConfig>, Wrong> {
    let default = EventStoreConfig::default();
    let max_events = given.take::<Count>("eventStoreMaxEvents")?;
    let max_events = max_events.map_or(default.max_events, |Count(count)| whole(count));
    let off = given.take::<Either<Off, Given>>("eventStore")?;
    Ok(match off {
        Some(Either::This(Off)) => None,
        _ => Some(EventStoreConfig { max_events, ..default }),
    })
}
