//! What replicas add to a forwarded request and its response, besides what the client and the
//! server wrote.
//!
//! The header fields of this module are trusted only on a connection between replicas; they are
//! removed from requests and responses of anybody else.

use std::net::{IpAddr, SocketAddr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::identity::{Identity, Portable};

/// The client that sent the request.
const CALLER: HeaderName = HeaderName::from_static("mcp-proxy-peer-caller");
/// On a response: the stream answers no call.
pub(crate) const STANDING: HeaderName = HeaderName::from_static("mcp-proxy-peer-standing");
/// Prefix of our own header fields.
const OWN: &str = "mcp-proxy-peer-";

/// Who sent a request to the replica that forwards it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) identity: Identity,
    /// The other end of the client's connection.
    pub(crate) peer: SocketAddr,
    /// The client's address, as trusted proxies report it; it counts for limits.
    pub(crate) address: Option<IpAddr>,
    /// Whether that connection is TLS.
    pub(crate) encrypted: bool,
}

/// Between the address and the identity. It is in neither.
const SEAM: char = '~';
/// Between the peer and the client that it stands for.
const BEHIND: char = '@';

impl Carried {
    /// Adds it to the head of a request, replacing an older value: `1` if the connection is TLS,
    /// else `0`; the address, and that of a client behind it; and unless nobody is known, the
    /// identity in base64.
    pub(crate) fn put(&self, headers: &mut HeaderMap) {
        let mut text = String::with_capacity(64);
        text.push(if self.encrypted { '1' } else { '0' });
        push_address(&mut text, self.peer);
        if let Some(address) = self.address.filter(|address| *address != self.peer.ip()) {
            text.push(BEHIND);
            text.push_str(&address.to_string());
        }
        let is_known = self.identity != Identity::default();
        if is_known {
            let who = serde_json::to_vec(&Portable::from(&self.identity)).unwrap_or_default();
            text.push(SEAM);
            URL_SAFE_NO_PAD.encode_string(who, &mut text);
        }
        if let Ok(mut value) = HeaderValue::try_from(text) {
            // An address needs no secrecy: it may be indexed, and is sent once for a connection.
            value.set_sensitive(is_known);
            headers.insert(CALLER, value);
        }
    }

    /// Removes it from the head of a request that came from a replica.
    pub(crate) fn take(headers: &mut HeaderMap) -> Option<Self> {
        let value = headers.remove(CALLER);
        strip(headers);
        let value = value?;
        let text = value.to_str().ok()?;
        let (text, identity) = match text.split_once(SEAM) {
            None => (text, Identity::default()),
            Some((text, who)) => {
                let who = URL_SAFE_NO_PAD.decode(who).ok()?;
                (text, serde_json::from_slice::<Portable>(&who).ok()?.identity()?)
            }
        };
        let (encrypted, peer) = text.split_at_checked(1)?;
        let encrypted = match encrypted {
            "0" => false,
            "1" => true,
            _ => return None,
        };
        let (peer, behind) = match peer.split_once(BEHIND) {
            Some((peer, behind)) => (peer, Some(behind.parse::<IpAddr>().ok()?)),
            None => (peer, None),
        };
        let peer: SocketAddr = peer.parse().ok()?;
        let address = behind.or(Some(peer.ip()).filter(|own| !own.is_unspecified()));
        Some(Self { identity, peer, address, encrypted })
    }
}

/// Writes an address, like `to_string`.
fn push_address(text: &mut String, address: SocketAddr) {
    let SocketAddr::V4(address) = address else { return text.push_str(&address.to_string()) };
    let mut number = itoa::Buffer::new();
    for (at, byte) in address.ip().octets().into_iter().enumerate() {
        if at > 0 {
            text.push('.');
        }
        text.push_str(number.format(byte));
    }
    text.push(':');
    text.push_str(number.format(address.port()));
}

/// Removes hop-by-hop fields (RFC 9110, 7.6.1; RFC 9113, 8.2.2) and our own.
pub(crate) fn strip(headers: &mut HeaderMap) {
    let named = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(str::trim))
        // This one is between two ends anyway.
        .filter(|name| !name.eq_ignore_ascii_case("keep-alive"))
        .filter_map(|name| name.parse::<HeaderName>().ok());
    let here = headers.keys().filter(|name| is_between(name)).cloned();
    let gone: Vec<HeaderName> = here.chain(named).collect();
    for name in gone {
        headers.remove(name);
    }
}

/// Whether a field concerns one connection only, or is our own.
fn is_between(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "transfer-encoding"
            | "te"
            | "trailer"
            | "upgrade"
            | "expect"
            | "keep-alive"
            | "proxy-connection"
    ) || name.as_str().starts_with(OWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried() -> Carried {
        Carried {
            identity: Identity::named("alice"),
            peer: "[2001:db8::1]:443".parse().unwrap(),
            address: "10.0.0.1".parse().ok(),
            encrypted: true,
        }
    }

    #[test]
    fn who_asks_is_told_to_the_next_replica() {
        let nobody = Carried { identity: Identity::default(), encrypted: false, ..carried() };
        let direct = Carried { address: Some(carried().peer.ip()), ..carried() };
        let unknown = Carried { peer: "0.0.0.0:0".parse().unwrap(), address: None, ..carried() };
        let mut headers = HeaderMap::new();
        for carried in [carried(), nobody, direct, unknown] {
            carried.put(&mut headers);
            let value = headers.get(CALLER).unwrap();
            assert_eq!(value.is_sensitive(), carried.identity != Identity::default());
            assert_eq!(Carried::take(&mut headers), Some(carried));
            assert!(headers.is_empty());
        }
        assert_eq!(Carried::take(&mut headers), None);
    }

    #[test]
    fn nobody_else_says_who_he_is() {
        let mut forged = HeaderMap::new();
        carried().put(&mut forged);
        forged.insert("mcp-proxy-peer-other", HeaderValue::from_static("1"));
        forged.insert("connection", HeaderValue::from_static("close, X-Hop"));
        forged.insert("x-hop", HeaderValue::from_static("1"));
        forged.insert("x-other", HeaderValue::from_static("1"));
        forged.insert("transfer-encoding", HeaderValue::from_static("chunked"));
        strip(&mut forged);
        assert_eq!(forged.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-other"]);
    }

    #[test]
    fn what_is_no_caller_is_refused() {
        for text in [
            "",
            "x",
            "e30",
            "0",
            "0x",
            "2127.0.0.1:1",
            "0127.0.0.1:1~",
            "0127.0.0.1:1~e30",
            "0127.0.0.1:1@x",
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CALLER, HeaderValue::from_static(text));
            assert_eq!(Carried::take(&mut headers), None, "{text}");
        }
    }
}
