//! Response bodies, and the few kinds of response that the front sends.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body::{Body, Frame, SizeHint};

use super::{events::Events, handed_back::HandedBack};

pub(super) type Response = http::Response<ResponseBody>;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=UTF-8");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache, no-transform");
const NO_BUFFERING: HeaderValue = HeaderValue::from_static("no");
const X_ACCEL_BUFFERING: header::HeaderName = header::HeaderName::from_static("x-accel-buffering");

/// What is sent after the head.
pub(crate) enum ResponseBody {
    /// Complete, in pieces.
    Whole(std::vec::IntoIter<Bytes>),
    /// Messages, streamed.
    Events(Box<Events>),
    /// An answer of the administrative routes.
    Other(axum::body::Body),
    /// An answer of another replica.
    HandedBack(Box<HandedBack>),
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole(_) => "Whole",
            Self::Events(_) => "Events",
            Self::Other(_) => "Other",
            Self::HandedBack(_) => "HandedBack",
        })
    }
}

impl ResponseBody {
    fn empty() -> Self {
        Self::Whole(Vec::new().into_iter())
    }
}

impl From<Events> for ResponseBody {
    fn from(events: Events) -> Self {
        Self::Events(Box::new(events))
    }
}

impl From<Bytes> for ResponseBody {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(vec![bytes].into_iter())
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.get_mut() {
            Self::Whole(runs) => Poll::Ready(runs.next().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Events(events) => events.poll_frame(context),
            Self::Other(body) => Pin::new(body).poll_frame(context),
            Self::HandedBack(body) => body.poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(runs) => runs.as_slice().is_empty(),
            Self::Events(_) => false,
            Self::Other(body) => body.is_end_stream(),
            Self::HandedBack(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(runs) => {
                SizeHint::with_exact(runs.as_slice().iter().map(|run| run.len() as u64).sum())
            }
            Self::Events(_) => SizeHint::default(),
            Self::Other(body) => body.size_hint(),
            Self::HandedBack(body) => body.size_hint(),
        }
    }
}

fn with(status: StatusCode, body: ResponseBody) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

/// This body as a boxed one.
pub(super) fn with_body(status: StatusCode, body: Bytes) -> Response {
    with(status, body.into())
}

/// No body at all.
pub(super) fn empty(status: StatusCode) -> Response {
    with(status, ResponseBody::empty())
}

/// A bare text, without a Content-Type as the original sends it.
pub(super) fn bare_text(status: StatusCode, text: impl Into<Bytes>) -> Response {
    with(status, text.into().into())
}

/// A text that repeats the client's words, sent so that no browser interprets it as HTML.
pub(super) fn plain_text(status: StatusCode, text: impl Into<Bytes>) -> Response {
    let mut response = bare_text(status, text);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, TEXT);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// An empty answer, as the original's transport sends it.
pub(super) fn empty_text(status: StatusCode) -> Response {
    let mut response = empty(status);
    response.headers_mut().insert(header::CONTENT_TYPE, TEXT);
    response
}

/// A JSON document.
pub(super) fn json(status: StatusCode, text: Bytes) -> Response {
    json_runs(status, vec![text])
}

/// A JSON document in several pieces.
pub(super) fn json_runs(status: StatusCode, runs: Vec<Bytes>) -> Response {
    let mut response = with(status, ResponseBody::Whole(runs.into_iter()));
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// An event stream, complete or still being written.
pub(super) fn event_stream(body: impl Into<ResponseBody>) -> Response {
    let mut response = with(StatusCode::OK, body.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, EVENT_STREAM);
    headers.insert(header::CACHE_CONTROL, NO_CACHE);
    headers.insert(X_ACCEL_BUFFERING, NO_BUFFERING);
    response
}
