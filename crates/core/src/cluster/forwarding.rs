//! A request on its way to the replica that can serve it.

use http::{Request, Response, Uri, header, uri::Authority};

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

/// The request in the form in which it is forwarded; `None` if it cannot be put into that form.
pub(crate) fn addressed(
    mut request: Request<Outbound>,
    carried: &Carried,
) -> Option<Request<Outbound>> {
    let headers = request.headers_mut();
    strip(headers);
    let host = headers.remove(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    carried.put(headers);
    let target = request.uri().path_and_query().cloned();
    let uri = Uri::builder()
        .scheme("http")
        .authority(host.unwrap_or_else(|| Authority::from_static("replica")))
        .path_and_query(target?)
        .build();
    *request.uri_mut() = uri.ok()?;
    *request.version_mut() = http::Version::HTTP_2;
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
