//! What the routes of the page share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::{body::Body, response::Response};
use http::{HeaderValue, StatusCode, header};

use super::console::Consoles;
use crate::watch::{Scribe, Watcher};

/// What the routes look at.
pub(super) struct Shown {
    pub(super) watcher: Watcher,
    pub(super) scribe: Mutex<Scribe>,
    pub(super) consoles: Option<Consoles>,
    pub(super) token: String,
}

impl Shown {
    pub(super) fn scribe(&self) -> MutexGuard<'_, Scribe> {
        self.scribe.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer of one sentence.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
