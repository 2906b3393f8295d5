//! URLs of metadata documents (RFC 8414 §3, RFC 9728 §3).

use std::net::Ipv4Addr;

use reqwest::Url;

/// The metadata of a protected resource.
pub(crate) const PROTECTED_RESOURCE: &str = "oauth-protected-resource";
const AUTHORIZATION_SERVER: &str = "oauth-authorization-server";
const OPENID: &str = "openid-configuration";

/// Possible URLs of an authorization server's metadata: RFC 8414 and OpenID Connect Discovery, in
/// the order of MCP, then the other ways to combine name and path.
pub(crate) fn metadata_places(issuer: &Url) -> Vec<Url> {
    let mut places = vec![between(issuer, AUTHORIZATION_SERVER), between(issuer, OPENID)];
    if issuer.path().chars().any(|letter| letter != '/') {
        places.extend([OPENID, AUTHORIZATION_SERVER].map(|name| behind(issuer, name)));
    }
    places
}

/// The URL of the document with this name about `url`: the name goes between host and path.
pub(crate) fn between(url: &Url, name: &str) -> Url {
    let mut place = root(url);
    place.set_path(&format!("/.well-known/{name}{}", url.path().trim_end_matches('/')));
    place
}

fn behind(url: &Url, name: &str) -> Url {
    let mut place = root(url);
    place.set_path(&format!("{}/.well-known/{name}", url.path().trim_end_matches('/')));
    place
}

/// The host of a URL.
pub(crate) fn root(url: &Url) -> Url {
    let mut root = url.clone();
    root.set_path("/");
    root.set_query(None);
    root.set_fragment(None);
    root
}

/// Whether it uses HTTPS, or is on this machine.
pub(crate) fn is_safe(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}

/// Whether the host is this machine, by its name or address.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let is_loopback = |host: &str| {
        let address = host.parse::<Ipv4Addr>();
        matches!(host, "localhost" | "[::1]") || address.is_ok_and(|address| address.is_loopback())
    };
    url.host_str().is_some_and(is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn only_addresses_of_this_machine_do_without_tls() {
        for safe in [
            "https://h",
            "http://127.0.0.1:1",
            "http://127.9.9.9",
            "http://[::1]/",
            "http://localhost",
        ] {
            assert!(is_safe(&url(safe)), "{safe}");
        }
        for unsafe_one in [
            "http://h",
            "http://127.example.com",
            "http://localhost.example.com",
            "ftp://localhost",
        ] {
            assert!(!is_safe(&url(unsafe_one)), "{unsafe_one}");
        }
    }

    #[test]
    fn documents_stand_where_the_specifications_put_them() {
        let place = between(&url("https://h:1/a/mcp?x=1"), PROTECTED_RESOURCE);
        assert_eq!(place.as_str(), "https://h:1/.well-known/oauth-protected-resource/a/mcp");
        let places = |issuer| {
            metadata_places(&url(issuer)).into_iter().map(String::from).collect::<Vec<_>>()
        };
        for issuer in ["https://h/t/1", "https://h/t/1/"] {
            assert_eq!(
                places(issuer),
                [
                    "https://h/.well-known/oauth-authorization-server/t/1",
                    "https://h/.well-known/openid-configuration/t/1",
                    "https://h/t/1/.well-known/openid-configuration",
                    "https://h/t/1/.well-known/oauth-authorization-server",
                ]
            );
        }
        assert_eq!(
            places("https://h"),
            [
                "https://h/.well-known/oauth-authorization-server",
                "https://h/.well-known/openid-configuration",
            ]
        );
    }
}
