//! Tools that clients of the newer era are not offered: each is named once in the log.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use crate::{era::modern_to_legacy::left_out, jsonrpc::Message};

/// Most names that are remembered; what comes beyond them is not named.
const MAX_NAMES: usize = 1000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct LeftOut(Mutex<HashSet<String>>);

impl LeftOut {
    /// Names the tools of this list that are left out of it and were not named before.
    pub(super) fn report(&self, tools: &Message) {
        for name in left_out(tools) {
            let mut named = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if named.len() < MAX_NAMES && named.insert(name.clone()) {
                tracing::warn!(
                    "the tool {name:?} is not offered to clients of 2026-07-28: it can only be \
                     called as a task of 2025-11-25, which that revision does not have"
                );
            }
        }
    }
}
