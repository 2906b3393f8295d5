//! The proxy with everybody around it.

use std::collections::BTreeSet;

use super::{
    super::*,
    clients::{Called, Listener, Visitor},
};
use crate::era::Era;

/// See the module.
pub(super) struct World {
    /// The server's era.
    pub(super) era: Era,
    pub(super) upstream: Upstream,
    pub(super) visitors: Vec<Visitor>,
    pub(super) calls: Vec<Called>,
    pub(super) listeners: Vec<Listener>,
    /// The open streams of a server of the newer era.
    pub(super) streams: Vec<Stream>,
    /// Ids that the server has seen; none may appear twice.
    pub(super) seen: BTreeSet<u64>,
    /// Cancellations that the server must get.
    pub(super) cancellations: BTreeSet<u64>,
    /// Numbers the server's messages, so that no two are equal.
    pub(super) said: u64,
}

impl World {
    pub(super) fn new(era: Era) -> Self {
        let shared = Shared::new(Ids::Ascending(1), Limits::default(), Duration::from_secs(10));
        let upstream = Upstream { shared, outbox: Arc::default() };
        match era {
            Era::Legacy => upstream.connect(Arc::clone(&upstream.outbox)),
            Era::Modern => modern::discover(&upstream),
        }
        Self {
            era,
            upstream,
            visitors: Vec::new(),
            calls: Vec::new(),
            listeners: Vec::new(),
            streams: Vec::new(),
            seen: BTreeSet::new(),
            cancellations: BTreeSet::new(),
            said: 0,
        }
    }
}

/// A stream of changes.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: u64,
    pub(super) filter: Value,
    /// Its client; `None` for the proxy's own.
    pub(super) listener: Option<usize>,
}
