//! The log of a session's events, for `Last-Event-ID` (MCP 2025-11-25, "Resumability").
//!
//! It has two ends. The one in memory gives events their ids as they are sent. The store of an
//! embedding program gives a message its id before it gets here, so that every process that shares
//! the store knows it. Replaying is the same for both: a reader waits for what it has missed, and
//! later events of the stream follow.

use std::{
    fmt,
    sync::{Arc, PoisonError, Weak},
};

use super::{
    event_store::{EventStore, Journal},
    numbering::Numbering,
};
use crate::{
    config::EventStoreConfig,
    host::Host,
    runtime::lock::{Mutex, MutexGuard},
};

/// What happens to the events of sessions' streams.
#[derive(Clone)]
pub(crate) enum Events {
    /// Kept in memory, within these limits.
    Kept(EventStoreConfig),
    /// Kept by the host.
    Hosted(Arc<dyn Host>),
    Forgotten,
}

/// See the module.
pub(super) enum EventLog {
    Memory(Arc<Mutex<EventStore>>),
    Host(Arc<dyn Host>),
}

/// A stream's place in the log.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// Its events are numbered and kept here.
    Numbered(Numbering),
    /// The host keeps them.
    Hosted,
}

impl fmt::Debug for EventLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventLog")
    }
}

impl EventLog {
    /// A session's log; `None` if its events are forgotten.
    pub(super) fn of(events: Events) -> Option<Self> {
        match events {
            Events::Kept(limits) => {
                Some(Self::Memory(Arc::new(Mutex::new(EventStore::new(limits)))))
            }
            Events::Hosted(host) => Some(Self::Host(host)),
            Events::Forgotten => None,
        }
    }

    /// The place of the stream with this number.
    pub(super) fn entry(&self, stream: u64) -> Entry {
        match self {
            Self::Memory(store) => Entry::Numbered(Numbering::new(stream, store)),
            Self::Host(_) => Entry::Hosted,
        }
    }

    /// The place of a stream in memory.
    pub(super) fn numbering(&self, stream: u64) -> Option<Numbering> {
        match self.entry(stream) {
            Entry::Numbered(numbering) => Some(numbering),
            Entry::Hosted => None,
        }
    }

    /// The events in memory.
    pub(super) fn memory(&self) -> Option<MutexGuard<'_, EventStore>> {
        match self {
            Self::Memory(store) => Some(store.lock().unwrap_or_else(PoisonError::into_inner)),
            Self::Host(_) => None,
        }
    }

    /// Tells this journal of events from now on.
    pub(super) fn tell(&self, journal: impl FnOnce(Weak<Mutex<EventStore>>) -> Journal) {
        if let Self::Memory(store) = self {
            let journal = journal(Arc::downgrade(store));
            store.lock().unwrap_or_else(PoisonError::into_inner).tell(journal);
        }
    }
}
