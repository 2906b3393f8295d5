//! A request on its way to the replica that can serve it.

use http::{Request, Version};

use super::{
    carried::{Carried, strip},
    peers::Outbound,
};

/// The request in the form in which it is forwarded: like one of HTTP/1.1, with a path and a `Host`.
/// `None` if it cannot be put into that form.
pub(crate) fn addressed(
    mut request: Request<Outbound>,
    carried: &Carried,
) -> Option<Request<Outbound>> {
    let headers = request.headers_mut();
    strip(headers);
    carried.put(headers);
    if request.uri().authority().is_some() {
        *request.uri_mut() = request.uri().path_and_query().cloned()?.into();
    }
    *request.version_mut() = Version::HTTP_11;
    request.extensions_mut().clear();
    Some(request)
}
