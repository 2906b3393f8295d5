//! Who sends a request: what is known of them, and the head that a host may ask for.

use std::{net::IpAddr, sync::Arc};

use http::Request;

use crate::{host::Caller, identity::Identity};

/// See the module.
#[derive(Debug)]
pub(super) struct Requester {
    pub(super) identity: Identity,
    /// The address of the client, as far as it is known here.
    pub(super) address: Option<IpAddr>,
    /// Kept where there is a host.
    pub(super) caller: Option<Arc<Caller>>,
}

/// A request without its body, and who sends it.
pub(super) type Head = Request<Requester>;
