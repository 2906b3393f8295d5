//! The sender of a request: what is known about it, and the head that a host may ask for.

use std::{net::IpAddr, sync::Arc};

use http::Request;

use crate::{host::Caller, identity::Identity};

/// See the module.
#[derive(Debug)]
pub(super) struct Requester {
    pub(super) identity: Identity,
    /// The client's address, as far as it is known.
    pub(super) address: Option<IpAddr>,
    /// Kept only for a host (an embedding program).
    pub(super) caller: Option<Arc<Caller>>,
}

/// A request without its body, and who sends it.
pub(super) type Head = Request<Requester>;
