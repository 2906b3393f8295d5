//! Who may use the page: a browser on this machine, unless another page sent the request; for data,
//! only with the token.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderName, StatusCode, header};

use super::shown::{Shown, plain};

const TOKEN: HeaderName = HeaderName::from_static("x-inspect-token");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses requests that another page sends, under whatever name it reaches this machine.
pub(super) async fn same_page(request: Request, next: Next) -> Response {
    if is_foreign(request.headers()) {
        return plain(StatusCode::FORBIDDEN, "Requests from other pages are refused.\n");
    }
    next.run(request).await
}

/// Refuses requests without the token.
pub(super) async fn with_token(
    State(shown): State<Arc<Shown>>,
    request: Request,
    next: Next,
) -> Response {
    if shown.keys.admit(token(request.headers())) {
        return next.run(request).await;
    }
    let text = "The token is missing, used, or from an earlier start: open the URL that the proxy prints.\n";
    plain(StatusCode::UNAUTHORIZED, text)
}

/// The token of a request; an empty one is never valid.
pub(super) fn token(headers: &HeaderMap) -> &[u8] {
    headers.get(&TOKEN).map(http::HeaderValue::as_bytes).unwrap_or_default()
}

fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name: &HeaderName| headers.get(name).map(|it| it.to_str().unwrap_or("?"));
    let Some(host) = text(&header::HOST) else { return true };
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if !["127.0.0.1", "localhost", "[::1]"].contains(&name) {
        return true;
    }
    let origin = text(&header::ORIGIN);
    if origin.is_some_and(|origin| origin.strip_prefix("http://") != Some(host)) {
        return true;
    }
    matches!(text(&FETCH_SITE), Some("cross-site" | "same-site"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_page_itself_is_served() {
        let foreign = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            is_foreign(&headers)
        };
        for pairs in [
            &[("host", "127.0.0.1:1")][..],
            &[("host", "localhost:1"), ("origin", "http://localhost:1")],
            &[("host", "[::1]:1"), ("sec-fetch-site", "same-origin")],
            &[("host", "127.0.0.1:1"), ("sec-fetch-site", "none")],
        ] {
            assert!(!foreign(pairs), "{pairs:?}");
        }
        for pairs in [
            &[][..],
            &[("host", "evil.example:1")],
            &[("host", "127.0.0.1.evil.example")],
            &[("host", "127.0.0.1:1"), ("origin", "http://127.0.0.1:2")],
            &[("host", "127.0.0.1:1"), ("origin", "null")],
            &[("host", "127.0.0.1:1"), ("origin", "https://127.0.0.1:1")],
            &[("host", "127.0.0.1:1"), ("sec-fetch-site", "cross-site")],
            &[("host", "127.0.0.1:1"), ("sec-fetch-site", "same-site")],
        ] {
            assert!(foreign(pairs), "{pairs:?}");
        }
    }
}
