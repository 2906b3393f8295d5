//! Requests that another replica has forwarded.

use http::request::Parts;

/// Marks a request that another replica has forwarded after letting its caller in.
#[derive(Clone, Copy, Debug)]
pub(super) struct HandedOver;

/// Whether another replica has forwarded this request.
pub(super) fn is_handed_over(head: &Parts) -> bool {
    head.extensions.get::<HandedOver>().is_some()
}
