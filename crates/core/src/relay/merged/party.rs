//! One client of a merged endpoint: the state that all its messages share.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{asked::Questions, context::Context, endpoint::Endpoint};
use crate::{identity::Identity, relay::Client};

/// See the module.
pub(super) struct Party {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) principal: Identity,
    /// The address that it comes from: clients without an identity are told apart by it.
    pub(super) address: Option<IpAddr>,
    questions: Mutex<Questions>,
}

impl Party {
    pub(super) fn new(endpoint: Arc<Endpoint>, client: &Client) -> Arc<Self> {
        let (principal, address) = (client.principal.clone(), client.address);
        Arc::new(Self { endpoint, principal, address, questions: Mutex::default() })
    }

    pub(super) fn questions(&self) -> MutexGuard<'_, Questions> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this client's seals are bound to.
    pub(super) fn context(&self) -> Context<'_> {
        let Endpoint { seal, name, .. } = &*self.endpoint;
        Context { seal, endpoint: name, principal: &self.principal }
    }
}
