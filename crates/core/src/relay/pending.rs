//! The table of exchanges by itself, for benches.

use super::exchange::{Exchanges, Ids, Purpose};

/// A table with running exchanges.
#[derive(Debug)]
pub(crate) struct Pending(Exchanges);

impl Pending {
    /// With this many.
    pub(crate) fn new(under_way: usize) -> Self {
        let mut exchanges = Exchanges::with(Ids::Unguessable);
        for _ in 0..under_way {
            exchanges.insert(Purpose::Housekeeping);
        }
        Self(exchanges)
    }

    /// One more begins, and is answered.
    pub(crate) fn pass(&mut self) -> bool {
        let id = self.0.next_id();
        self.0.insert(Purpose::Housekeeping);
        self.0.remove(id).is_some()
    }
}
