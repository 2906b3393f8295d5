//! Protection against DNS rebinding: web pages that were rebound to loopback are not served.
//!
//! Such a page has a name that resolves to this machine, and the browser sends that name as `Host`.
//! On a port for the operator alone, a foreign `Host` is enough to refuse a request. On others the
//! request must also look like a browser's, so that reverse proxies and tunnels on this machine
//! work. Pages from elsewhere, which send a loopback `Host`, are covered by CORS and the key.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, Uri, header, uri::Authority};

use crate::config::AllowedHosts;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a request that arrived over loopback may come from a rebound page.
pub(super) fn is_rebound(headers: &HeaderMap, allowed: &AllowedHosts) -> bool {
    foreign(headers, allowed).is_some_and(|host| may_be_of_a_page(headers, &host))
}

/// Whether a request that arrived over loopback has a `Host` that is not allowed.
pub(super) fn is_foreign(headers: &HeaderMap, allowed: &AllowedHosts) -> bool {
    foreign(headers, allowed).is_some()
}

/// The foreign name in `Host`; empty if it cannot be read. Browsers always send one.
fn foreign(headers: &HeaderMap, allowed: &AllowedHosts) -> Option<String> {
    let AllowedHosts::Only(allowed) = allowed else { return None };
    let host = headers.get(header::HOST)?;
    let Some(authority) = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()) else {
        return Some(String::new());
    };
    let name = authority.host();
    let is_meant = is_loopback(name) || allowed.iter().any(|host| host.eq_ignore_ascii_case(name));
    (!is_meant).then(|| name.to_owned())
}

/// Whether a browser may have sent this for a page of that host.
fn may_be_of_a_page(headers: &HeaderMap, host: &str) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter().peekable();
    if origins.peek().is_some() {
        return host.is_empty() || origins.any(|origin| is_of(origin.as_bytes(), host));
    }
    let agent = headers.get(header::USER_AGENT).map(http::HeaderValue::as_bytes);
    headers.contains_key(SEC_FETCH_SITE)
        || headers.contains_key(header::REFERER)
        || agent.is_some_and(|agent| agent.starts_with(b"Mozilla/"))
}

/// Whether an origin is hidden (`null`), or belongs to this host.
fn is_of(origin: &[u8], host: &str) -> bool {
    if origin == b"null" {
        return true;
    }
    let origin = Uri::try_from(origin).ok();
    let authority = origin.as_ref().and_then(Uri::authority);
    authority.is_some_and(|authority| authority.host().eq_ignore_ascii_case(host))
}

fn is_loopback(name: &str) -> bool {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return address.to_canonical().is_loopback();
    }
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        pairs.collect()
    }

    fn rebound(pairs: &[(&'static str, &str)], allowed: &[&str]) -> bool {
        let allowed = allowed.iter().map(|&name| name.to_owned()).collect();
        is_rebound(&headers(pairs), &AllowedHosts::Only(allowed))
    }

    #[test]
    fn a_foreign_host_is_rebound_if_a_browser_may_have_sent_it() {
        let evil = |name: &'static str, value: &str| {
            rebound(&[("host", "evil.example:8080"), (name, value)], &[])
        };
        assert!(evil("origin", "http://EVIL.example:8080"));
        assert!(evil("origin", "null"));
        assert!(evil("sec-fetch-site", "none"));
        assert!(evil("referer", "http://evil.example:8080/"));
        assert!(evil("user-agent", "Mozilla/5.0"));
        assert!(!evil("user-agent", "curl/8 (not Mozilla/5.0)"));
        assert!(!evil("accept", "*/*"));
        let elsewhere = [
            ("host", "evil.example"),
            ("origin", "https://app.example"),
            ("sec-fetch-site", "cross-site"),
            ("user-agent", "Mozilla/5.0"),
        ];
        assert!(!rebound(&elsewhere, &[]), "another origin is a matter of CORS");
        assert!(!rebound(&[("host", "good.example"), ("origin", "null")], &["good.example"]));
        for host in ["localhost:8080", "127.0.0.1:1", "[::1]:1", "mcp.localhost", "localhost."] {
            assert!(!rebound(&[("host", host), ("origin", "null")], &[]), "{host}");
        }
        assert!(!rebound(&[("origin", "null")], &[]));
    }

    #[test]
    fn for_the_operator_the_host_alone_decides() {
        let foreign = |pairs: &[(&'static str, &str)], allowed: &AllowedHosts| {
            is_foreign(&headers(pairs), allowed)
        };
        assert!(foreign(&[("host", "evil.example")], &AllowedHosts::default()));
        assert!(foreign(&[("host", "a b")], &AllowedHosts::default()));
        assert!(!foreign(&[("host", "localhost:9090")], &AllowedHosts::default()));
        assert!(!foreign(&[], &AllowedHosts::default()));
        assert!(!foreign(&[("host", "evil.example")], &AllowedHosts::Any));
    }
}
