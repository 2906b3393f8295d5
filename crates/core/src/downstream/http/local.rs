//! Serves requests that another replica has forwarded.

use std::sync::{Arc, OnceLock};

use futures_util::future::BoxFuture;
use http::Request;

use super::{
    answer::is_standing,
    custom_route::Aborted,
    handed_over::HandedOver,
    origin::{Origin, Sender},
    port::Port,
    reject::Rejection,
    requester::Requester,
    response::{Response, ResponseBody},
    router::{End, Found, not_found},
    target,
};
use crate::{
    cluster::{Carried, Inbound, Local, STANDING, strip},
    host::Caller,
};

impl Local for Port {
    type Body = ResponseBody;

    fn serve(
        self: Arc<Self>,
        request: Request<Inbound>,
        carried: Carried,
    ) -> BoxFuture<'static, Response> {
        Box::pin(async move {
            let mut response = match self.serve_handed_over(request, carried).await {
                Ok(response) => response,
                Err(End::Rejected(rejection)) => {
                    self.common.count_rejection(rejection.reason());
                    rejection.into_response()
                }
                Err(End::Aborted(Aborted)) => Rejection::ReplayFailed.into_response(),
            };
            let stands = is_standing(&response);
            let headers = response.headers_mut();
            strip(headers);
            if stands {
                headers.insert(STANDING, http::HeaderValue::from_static("1"));
            }
            response
        })
    }

    fn refuse(&self) -> Response {
        Rejection::BadTarget.into_response()
    }
}

impl Port {
    async fn serve_handed_over(
        &self,
        request: Request<Inbound>,
        carried: Carried,
    ) -> Result<Response, End> {
        if let Some(cluster) = &self.common.cluster {
            cluster.count_received();
        }
        let (mut head, body) = request.into_parts();
        if head.uri.authority().is_some() {
            return Err(Rejection::BadTarget.into());
        }
        head.version = http::Version::HTTP_11;
        head.extensions.insert(HandedOver);
        let address = carried.address;
        head.extensions.insert(Sender { origin: Origin::UNKNOWN, address });
        let caller = self.common.host.as_ref().map(|_| {
            Arc::new(Caller {
                method: head.method.clone(),
                target: head.uri.clone(),
                headers: head.headers.clone(),
                peer: carried.peer,
                local: Origin::UNKNOWN.local,
                spelled: Vec::new(),
                encrypted: carried.encrypted,
                note: OnceLock::new(),
            })
        });
        if let Some(caller) = &caller {
            head.extensions.insert(Arc::clone(caller));
        }
        let path = target::path(&head.uri).ok_or(Rejection::BadTarget)?.into_owned();
        let routes = self.routes();
        let found = Found::of(&routes, &head.method, &head.uri, &path);
        let requester = Requester { identity: carried.identity, address, caller };
        found.serve(head, body.into(), requester).await.unwrap_or_else(|| Err(not_found(&routes)))
    }
}
