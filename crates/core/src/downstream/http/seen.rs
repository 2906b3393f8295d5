//! Shows a request's head and its response's head to the tap (recordings and the inspection page).

use std::time::{Duration, Instant};

use http::{Request, StatusCode, uri::PathAndQuery};

use super::response::Response;
use crate::watch::{Detail, Frame, Headers, Http, Point, TAP, next_exchange};

/// A request that is being watched.
pub(super) struct Seen(Box<Http>);

impl Seen {
    /// This request, if the tap is open.
    pub(super) fn of<B>(request: &Request<B>) -> Option<Self> {
        TAP.is_watched().then(|| Self::new(request))
    }

    #[cold]
    fn new<B>(request: &Request<B>) -> Self {
        let target = request.uri().path_and_query().map(PathAndQuery::as_str);
        Self(Box::new(Http {
            exchange: next_exchange(),
            began: Instant::now(),
            method: request.method().clone(),
            target: target.map_or_else(|| request.uri().to_string(), str::to_owned),
            request: request.headers().into(),
            status: StatusCode::default(),
            response: Headers::default(),
            refused: None,
            took: Duration::ZERO,
        }))
    }

    /// The number of the exchange.
    pub(super) fn exchange(&self) -> u64 {
        self.0.exchange
    }

    /// The head of its response is ready; `refused` is the reason for a refusal, as one word.
    pub(super) fn answered(self, response: &Response, refused: Option<&'static str>) {
        let mut http = self.0;
        http.status = response.status();
        http.response = response.headers().into();
        http.refused = refused;
        http.took = http.began.elapsed();
        TAP.show(|| Frame {
            exchange: Some(http.exchange),
            ..Frame::event(Point::Http, Detail::Http(http))
        });
    }
}
