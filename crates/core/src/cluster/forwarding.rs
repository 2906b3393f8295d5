//! A request on its way to the replica that can serve it.

use http::{Request, Response, Version};

use super::{
    carried::{Carried, strip},
    peers::{Answer, Link, Outbound, Unsent},
};

/// Why a request has no response.
#[derive(Debug)]
pub(crate) enum Unforwarded {
    /// The connection closed at that moment, and nothing was sent.
    Returned(Box<Request<Outbound>>),
    /// The replica was lost; the request may have run.
    Lost(h2::Error),
}

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

/// Sends it.
pub(super) async fn forward(
    link: &Link,
    request: Request<Outbound>,
) -> Result<Response<Answer>, Unforwarded> {
    link.send(request).await.map_err(|unsent| match unsent {
        Unsent::Lost(error) => Unforwarded::Lost(error),
        Unsent::Returned(request) => Unforwarded::Returned(request),
    })
}
