//! The DNS-rebinding rule: a web page that was rebound to loopback is not served.
//!
//! Such a page sends its own name as `Host` and as `Origin`, and reaches the proxy over loopback.
//! Pages from elsewhere are a matter of CORS, programs send no `Origin`.

use std::net::IpAddr;

use http::{HeaderMap, Uri, header, uri::Authority};

use crate::config::AllowedHosts;

/// Whether a request that arrived over loopback comes from a rebound page.
pub(super) fn is_rebound(headers: &HeaderMap, allowed: &AllowedHosts) -> bool {
    let AllowedHosts::Only(allowed) = allowed else { return false };
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    let (Some(host), Some(origin)) = (text(header::HOST), text(header::ORIGIN)) else {
        return false;
    };
    let Ok(authority) = host.parse::<Authority>() else { return true };
    let Some(origin) = origin.parse::<Uri>().ok().and_then(|uri| uri.authority().cloned()) else {
        return false;
    };
    let name = authority.host();
    origin.host().eq_ignore_ascii_case(name)
        && !is_loopback(name)
        && !allowed.iter().any(|host| host.eq_ignore_ascii_case(name))
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

    fn rebound(host: &str, origin: Option<&str>, allowed: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        let allowed = allowed.iter().map(|&name| name.to_owned()).collect();
        is_rebound(&headers, &AllowedHosts::Only(allowed))
    }

    #[test]
    fn only_a_foreign_host_that_is_its_own_origin_is_rebound() {
        assert!(rebound("evil.example", Some("http://evil.example"), &[]));
        assert!(rebound("evil.example:8080", Some("http://EVIL.example:8080"), &[]));
        assert!(!rebound("evil.example", None, &[]));
        assert!(!rebound("localhost:8080", Some("http://evil.example"), &[]));
        assert!(!rebound("localhost:8080", Some("http://localhost:8080"), &[]));
        assert!(!rebound("127.0.0.1:1", Some("http://127.0.0.1:1"), &[]));
        assert!(!rebound("[::1]:1", Some("http://[::1]:1"), &[]));
        assert!(!rebound("mcp.localhost", Some("http://mcp.localhost"), &[]));
        assert!(!rebound("good.example", Some("https://good.example"), &["good.example"]));
        assert!(!rebound("evil.example", Some("null"), &[]));
    }

    #[test]
    fn the_check_can_be_switched_off() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "evil.example".parse().unwrap());
        headers.insert(header::ORIGIN, "http://evil.example".parse().unwrap());
        assert!(!is_rebound(&headers, &AllowedHosts::Any));
    }
}
