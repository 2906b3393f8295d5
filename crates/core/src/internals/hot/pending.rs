//! The table of running requests.

use crate::relay;

/// The table of exchanges.
#[derive(Debug)]
pub struct Pending(relay::Pending);

impl Pending {
    /// With this many under way.
    pub fn new(under_way: usize) -> Self {
        Self(relay::Pending::new(under_way))
    }

    /// One more begins, and is answered; `None` if it was not found.
    pub fn pass(&mut self) -> Option<()> {
        self.0.pass().then_some(())
    }
}
