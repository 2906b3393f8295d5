//! Shows a request's head and its response's head to the tap (recordings and the inspection page).

use std::time::Instant;

use http::{Method, Request};

use super::response::Response;
use crate::watch::{Detail, Frame, Headers, Http, Point, TAP, next_exchange};

/// A request that is being watched.
pub(super) struct Seen {
    pub(super) exchange: u64,
    method: Method,
    target: String,
    headers: Headers,
    began: Instant,
}

impl Seen {
    /// This request, if the tap is open.
    pub(super) fn of<B>(request: &Request<B>) -> Option<Box<Self>> {
        TAP.is_watched().then(|| Box::new(Self::new(request)))
    }

    #[cold]
    fn new<B>(request: &Request<B>) -> Self {
        let target = request.uri().path_and_query();
        Self {
            exchange: next_exchange(),
            method: request.method().clone(),
            target: target.map_or_else(|| request.uri().to_string(), ToString::to_string),
            headers: request.headers().into(),
            began: Instant::now(),
        }
    }

    /// The head of its response is ready; `refused` is the reason for a refusal, as one word.
    pub(super) fn answered(self, response: &Response, refused: Option<&'static str>) {
        let http = Http {
            method: self.method,
            target: self.target,
            request: self.headers,
            status: response.status(),
            response: response.headers().into(),
            refused,
            took: self.began.elapsed(),
        };
        let frame = Frame::event(Point::Http, Detail::Http(Box::new(http)));
        TAP.show(|| Frame { exchange: Some(self.exchange), ..frame });
    }
}
