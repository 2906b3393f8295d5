//! One client of a merged endpoint: the state that all its messages share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Merged, asked::Questions, context::Context};
use crate::identity::Identity;

/// See the module.
pub(super) struct Party {
    pub(super) merged: Arc<Merged>,
    pub(super) principal: Identity,
    questions: Mutex<Questions>,
}

impl Party {
    pub(super) fn new(merged: Arc<Merged>, principal: Identity) -> Arc<Self> {
        Arc::new(Self { merged, principal, questions: Mutex::default() })
    }

    pub(super) fn questions(&self) -> MutexGuard<'_, Questions> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this client's seals are bound to.
    pub(super) fn context(&self) -> Context<'_> {
        let Merged { seal, endpoint, .. } = &*self.merged;
        Context { seal, endpoint, principal: &self.principal }
    }
}
