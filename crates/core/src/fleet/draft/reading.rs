//! What is known about a server while it is being read.

use super::launch::Refusal;
use crate::fleet::{block::Block, dialect::Dialect, members::Members};

/// See the module.
pub(super) struct Reading<'a> {
    pub(super) members: Members<'a>,
    pub(super) dialect: Dialect,
    pub(super) block: Block,
}

impl Reading<'_> {
    /// This server cannot be served, because of what is at this place of the file.
    pub(super) fn server(&self, at: usize, message: &str) -> Refusal {
        Refusal::Server(self.members.source.fault(at, message.to_owned()))
    }
}
