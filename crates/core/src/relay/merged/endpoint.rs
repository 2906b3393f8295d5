//! What the clients of a merged endpoint share: its servers, its seal, and the streams that end when
//! the servers change.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::{seal::Seal, server::Roster};

/// See the module.
pub(super) struct Endpoint {
    /// Tells endpoints apart: seals of one are invalid at another.
    pub(super) name: String,
    pub(super) seal: Arc<Seal>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    roster: Arc<Roster>,
    standing: Vec<Weak<dyn Standing>>,
}

/// A client's stream that stands until its client or the endpoint ends it.
pub(super) trait Standing: Send + Sync {
    /// Ends it from the server's side.
    fn end(&self);
}

impl Endpoint {
    pub(super) fn new(name: String, roster: Roster, seal: Arc<Seal>) -> Arc<Self> {
        let state = State { roster: Arc::new(roster), ..State::default() };
        Arc::new(Self { name, seal, state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The servers at the moment.
    pub(super) fn roster(&self) -> Arc<Roster> {
        Arc::clone(&self.lock().roster)
    }

    /// Replaces the servers. The streams that stood before are the caller's to end.
    pub(super) fn exchange(&self, roster: &Arc<Roster>) -> Vec<Weak<dyn Standing>> {
        let mut state = self.lock();
        state.roster = Arc::clone(roster);
        std::mem::take(&mut state.standing)
    }

    /// A stream ends with the servers that it is of.
    pub(super) fn remember(&self, stream: Weak<dyn Standing>) {
        let mut state = self.lock();
        state.standing.retain(|stream| stream.strong_count() > 0);
        state.standing.push(stream);
    }

    /// Ends all streams.
    pub(super) fn end_standing(&self) {
        let standing = std::mem::take(&mut self.lock().standing);
        end_all(&standing);
    }
}

/// Ends these streams.
pub(super) fn end_all(standing: &[Weak<dyn Standing>]) {
    standing.iter().filter_map(Weak::upgrade).for_each(|stream| stream.end());
}
