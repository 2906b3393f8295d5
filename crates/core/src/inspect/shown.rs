//! State that the routes of the page share.

use std::{
    net::SocketAddr,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use axum::{body::Body, response::Response};
use http::{HeaderValue, StatusCode, header};

use super::{console::Consoles, keys::Keys};
use crate::watch::{Scribe, Watcher};

/// The state that the routes use.
pub(super) struct Shown {
    pub(super) watcher: Watcher,
    pub(super) scribe: Mutex<Scribe>,
    pub(super) consoles: Option<Consoles>,
    pub(super) keys: Keys,
    /// Where the page is, once it is open.
    pub(super) address: OnceLock<SocketAddr>,
}

impl Shown {
    pub(super) fn scribe(&self) -> MutexGuard<'_, Scribe> {
        self.scribe.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer that is one sentence.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
