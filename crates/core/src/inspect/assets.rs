//! The files of the page, embedded in the program.

use axum::{
    body::{Body, Bytes},
    response::Response,
};
use http::{HeaderValue, StatusCode, header};

/// Name, content type and text of each.
pub(super) const FILES: [(&str, &str, &str); 15] = [
    ("/", "text/html; charset=utf-8", include_str!("page/page.html")),
    ("/page.css", "text/css; charset=utf-8", include_str!("page/page.css")),
    ("/page.mjs", SCRIPT, include_str!("page/page.mjs")),
    ("/state.mjs", SCRIPT, include_str!("page/state.mjs")),
    ("/live.mjs", SCRIPT, include_str!("page/live.mjs")),
    ("/model.mjs", SCRIPT, include_str!("page/model.mjs")),
    ("/filter.mjs", SCRIPT, include_str!("page/filter.mjs")),
    ("/words.mjs", SCRIPT, include_str!("page/words.mjs")),
    ("/json.mjs", SCRIPT, include_str!("page/json.mjs")),
    ("/form.mjs", SCRIPT, include_str!("page/form.mjs")),
    ("/rows.mjs", SCRIPT, include_str!("page/rows.mjs")),
    ("/detail.mjs", SCRIPT, include_str!("page/detail.mjs")),
    ("/timeline.mjs", SCRIPT, include_str!("page/timeline.mjs")),
    ("/views.mjs", SCRIPT, include_str!("page/views.mjs")),
    ("/console.mjs", SCRIPT, include_str!("page/console.mjs")),
];

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The file with this name.
pub(super) fn file(kind: &'static str, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
