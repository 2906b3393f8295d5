//! Requests that another replica has handed over.

use http::request::Parts;

/// Marks a request that another replica has handed over, and so let in.
#[derive(Clone, Copy, Debug)]
pub(super) struct HandedOver;

/// Whether another replica has let this request in.
pub(super) fn is_handed_over(head: &Parts) -> bool {
    head.extensions.get::<HandedOver>().is_some()
}
