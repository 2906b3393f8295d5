//! What reverse proxies in front report about a request: who sent it, and what it was before they
//! forwarded it. Functions of values; only trusted peers count.

use std::{net::IpAddr, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, uri::Authority};

use crate::config::TrustedProxies;

static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
pub(super) static FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Most addresses that are looked at; no deployment has more proxies in front.
const MAX_HOPS: usize = 32;
/// Longest path prefix.
const MAX_PREFIX: usize = 1024;

/// The client's address: that of the peer, unless it is a trusted proxy. Then it is the right-most
/// address in `X-Forwarded-For` that is not a trusted proxy's, because the client may have written
/// everything to its left. If all are trusted it is the left-most; an entry that is not an address
/// ends the search.
pub(crate) fn client_address(
    peer: IpAddr,
    headers: &HeaderMap,
    trusted: &TrustedProxies,
) -> IpAddr {
    let mut client = peer.to_canonical();
    if trusted.is_empty() {
        return client;
    }
    for word in from_the_right(headers, &FORWARDED_FOR).take(MAX_HOPS) {
        if !trusted.trusts(client) {
            break;
        }
        let Some(address) = address(word) else { break };
        client = address;
    }
    client
}

/// What a request was before trusted proxies forwarded it, as far as they report it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Forwarded {
    /// The path prefix that was removed; begins with a slash and does not end with one.
    pub(super) prefix: Option<Arc<str>>,
    /// The `Host` that the client requested.
    pub(super) host: Option<HeaderValue>,
    /// The scheme of the client's connection.
    pub(super) scheme: Option<&'static str>,
}

impl Forwarded {
    /// What this peer reports. If there are several values, the right-most one counts, since the
    /// nearest proxy has written it; prefixes are concatenated.
    pub(super) fn of(peer: IpAddr, headers: &HeaderMap, trusted: &TrustedProxies) -> Self {
        if trusted.is_empty() || !trusted.trusts(peer) {
            return Self::default();
        }
        let last = |name| from_the_right(headers, name).next();
        let host = last(&FORWARDED_HOST).filter(|host| is_authority(host));
        Self {
            prefix: prefix(headers),
            host: host.and_then(|host| HeaderValue::from_str(host).ok()),
            scheme: match last(&FORWARDED_PROTO) {
                Some(word) if word.eq_ignore_ascii_case("https") => Some("https"),
                Some(word) if word.eq_ignore_ascii_case("http") => Some("http"),
                _ => None,
            },
        }
    }
}

/// The entries of a list that may be spread over several header lines, the last one first.
fn from_the_right<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines: Vec<&HeaderValue> = headers.get_all(name).iter().collect();
    let texts = lines.into_iter().rev().map(|line| line.to_str().unwrap_or("?"));
    texts.flat_map(|text| text.rsplit(',').map(str::trim)).filter(|word| !word.is_empty())
}

/// An address, perhaps in brackets and with a port.
fn address(word: &str) -> Option<IpAddr> {
    let word = word.trim_matches('"');
    let bare = match word.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        // A single colon precedes a port.
        None if word.matches(':').count() == 1 => word.split_once(':')?.0,
        None => word,
    };
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn is_authority(host: &str) -> bool {
    let authority = host.parse::<Authority>();
    authority.is_ok_and(|authority| !authority.host().is_empty() && !host.contains('@'))
}

/// The prefixes together; empty if one of them is not a path, because then none of them can be
/// trusted.
fn prefix(headers: &HeaderMap) -> Option<Arc<str>> {
    let mut parts: Vec<&str> = from_the_right(headers, &FORWARDED_PREFIX).collect();
    parts.reverse();
    let mut prefix = String::new();
    for part in parts {
        let part = part.trim_end_matches('/');
        if part.is_empty() {
            continue;
        }
        let is_path = part.starts_with('/') && !part.contains("//") && part.bytes().all(in_path);
        if !is_path || prefix.len() + part.len() > MAX_PREFIX {
            return None;
        }
        prefix.push_str(part);
    }
    (!prefix.is_empty()).then(|| prefix.into())
}

/// A byte of a path (RFC 3986, 3.3).
fn in_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn trusted(list: &str) -> TrustedProxies {
        list.parse().unwrap()
    }

    #[test]
    fn the_client_is_the_right_most_address_that_is_no_proxy() {
        let ours = "10.0.0.0/8";
        for (peer, lines, expected) in [
            ("10.0.0.1", &[][..], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4"], "1.2.3.4"),
            ("9.9.9.9", &["1.2.3.4"], "9.9.9.9"),
            ("10.0.0.1", &["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.0.0.2"], "1.2.3.4"),
            ("10.0.0.1", &["6.6.6.6", "1.2.3.4", "10.0.0.2"], "1.2.3.4"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["1.2.3.4, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4, nonsense, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["1.2.3.4:5678"], "1.2.3.4"),
            ("10.0.0.1", &["[2001:db8::1]:443"], "2001:db8::1"),
            ("10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", &["::ffff:1.2.3.4"], "1.2.3.4"),
            ("::ffff:10.0.0.1", &["1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", &[" 1.2.3.4 , "], "1.2.3.4"),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
            let client = client_address(peer.parse().unwrap(), &headers(&lines), &trusted(ours));
            assert_eq!(client.to_string(), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn only_so_many_addresses_are_looked_at() {
        let list = format!("1.2.3.4{}", ", 10.0.0.2".repeat(100));
        let headers = headers(&[("x-forwarded-for", &list)]);
        let client = client_address("10.0.0.1".parse().unwrap(), &headers, &trusted("10.0.0.0/8"));
        assert_eq!(client.to_string(), "10.0.0.2");
    }

    #[test]
    fn a_prefix_is_a_path_or_nothing() {
        for (values, expected) in [
            (&["/tools"][..], Some("/tools")),
            (&["/tools/"], Some("/tools")),
            (&["/a/b%20c"], Some("/a/b%20c")),
            (&["/a, /b"], Some("/a/b")),
            (&["/a", "/b/"], Some("/a/b")),
            (&["/"], None),
            (&[""], None),
            (&["tools"], None),
            (&["//evil.example"], None),
            (&["/a//b"], None),
            (&["/a?b"], None),
            (&["/a#b"], None),
            (&["/a b"], None),
            (&["https://evil.example/"], None),
            (&["/a\\b"], None),
            (&["/<script>"], None),
        ] {
            let lines: Vec<_> = values.iter().map(|value| ("x-forwarded-prefix", *value)).collect();
            let peer = "127.0.0.1".parse().unwrap();
            let said = Forwarded::of(peer, &headers(&lines), &trusted("loopback"));
            assert_eq!(said.prefix.as_deref(), expected, "{values:?}");
            let stranger = "8.8.8.8".parse().unwrap();
            let said = Forwarded::of(stranger, &headers(&lines), &trusted("loopback"));
            assert_eq!(said, Forwarded::default(), "{values:?}");
        }
        let long = format!("/{}", "a".repeat(MAX_PREFIX));
        let said = headers(&[("x-forwarded-prefix", &long)]);
        let peer = "127.0.0.1".parse().unwrap();
        assert_eq!(Forwarded::of(peer, &said, &trusted("loopback")).prefix, None);
    }

    #[test]
    fn host_and_scheme_are_what_the_nearest_proxy_says() {
        for (host, proto, expected) in [
            ("mcp.example", "https", (Some("mcp.example"), Some("https"))),
            ("mcp.example:8443", "HTTP", (Some("mcp.example:8443"), Some("http"))),
            ("evil.example, mcp.example", "http, https", (Some("mcp.example"), Some("https"))),
            ("user@mcp.example", "ftp", (None, None)),
            ("a b", "", (None, None)),
        ] {
            let said = headers(&[("x-forwarded-host", host), ("x-forwarded-proto", proto)]);
            let said = Forwarded::of("::1".parse().unwrap(), &said, &trusted("loopback"));
            let host = said.host.as_ref().and_then(|host| host.to_str().ok());
            assert_eq!((host, said.scheme), expected);
        }
    }
}
