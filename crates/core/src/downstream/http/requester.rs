//! Who sends a request: what is known of them, and the head that a host may ask for.

use std::sync::Arc;

use crate::{host::Caller, identity::Identity};

/// See the module.
#[derive(Debug)]
pub(super) struct Requester {
    pub(super) identity: Identity,
    /// Kept where there is a host.
    pub(super) caller: Option<Arc<Caller>>,
}
