//! 2025-era HTTP sessions: what outlives a single request of a client.
//!
//! A session owns its streams and, if it is resumable, the events on them. The code that removes it
//! from the [`Registry`] closes it.

mod encoding;
mod event_store;
#[cfg(all(test, feature = "shuttle"))]
mod interleavings;
mod ledger;
mod log;
mod lost;
#[cfg(any(test, feature = "internals"))]
pub(crate) mod model;
mod name;
mod numbering;
mod reading;
mod reaper;
mod registry;
mod replaying;
mod state;
mod stream;

pub(crate) use encoding::Encoding;
pub(crate) use ledger::Ledger;
pub(crate) use log::Events;
pub(crate) use name::{Name, lenient_id_in};
pub(crate) use reading::Reading;
pub(crate) use reaper::reap;
pub(crate) use registry::{
    Attachment, Holdings, MAX_CALL_BYTES, MAX_INITIALIZE, Registry, Session,
};
pub(crate) use stream::{Step, Stream, Unresumed};

#[cfg(test)]
mod tests;
