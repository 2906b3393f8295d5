//! The proxy's address as its clients see it: the configured URL, or where it listens.

use std::{borrow::Cow, net::IpAddr};

use http::uri::Authority;
use reqwest::Url;

use super::super::well_known::PROTECTED_RESOURCE;
use crate::error::Error;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outside {
    /// Without a slash at its end; `None` if the proxy listens on every address.
    base: Option<String>,
    /// The path of that URL.
    prefix: String,
    scheme: &'static str,
}

impl Outside {
    /// A proxy that listens on this host and port; a configured URL takes precedence.
    pub(crate) fn of(
        public_url: Option<&str>,
        (host, port): (&str, u16),
        encrypted: bool,
    ) -> Result<Self, Error> {
        let scheme = if encrypted { "https" } else { "http" };
        let url = match public_url {
            Some(text) => Some(public(text).map_err(Error::Auth)?),
            None => {
                definite(host).and_then(|host| format!("{scheme}://{host}:{port}").parse().ok())
            }
        };
        let prefix = url.as_ref().map(|url: &Url| url.path().trim_end_matches('/').to_owned());
        let base = url.map(|url| url.as_str().trim_end_matches('/').to_owned());
        Ok(Self { base, prefix: prefix.unwrap_or_default(), scheme })
    }

    /// The proxy's URL, if it is known.
    pub(crate) fn base(&self) -> Option<&str> {
        self.base.as_deref()
    }

    /// The path prefix of the public URL.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The proxy's URL for a client that requested this host. That client's word affects only
    /// itself, and decides nothing.
    pub(crate) fn seen_from(
        &self,
        host: Option<&str>,
        scheme: Option<&str>,
    ) -> Option<Cow<'_, str>> {
        if let Some(base) = &self.base {
            return Some(base.into());
        }
        let authority: Authority = host?.parse().ok()?;
        let plain = !authority.as_str().contains('@') && !authority.host().is_empty();
        let scheme = scheme.unwrap_or(self.scheme);
        plain.then(|| format!("{scheme}://{authority}").into())
    }

    /// The URL of an endpoint's metadata, below the prefix, so that reverse proxies need no further
    /// rule.
    pub(crate) fn metadata(
        &self,
        endpoint: &str,
        host: Option<&str>,
        scheme: Option<&str>,
    ) -> Option<String> {
        let base = self.seen_from(host, scheme)?;
        Some(format!("{base}/.well-known/{PROTECTED_RESOURCE}{endpoint}"))
    }
}

fn public(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|_| format!("--publicUrl {text:?} is not a URL"))?;
    let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !matches!(url.scheme(), "http" | "https") || !plain || url.password().is_some() {
        return Err(format!("--publicUrl {text:?} is not just scheme, host and path"));
    }
    Ok(url)
}

/// A host that means a single place, in the form of URLs.
fn definite(host: &str) -> Option<String> {
    match host.parse::<IpAddr>() {
        Ok(address) if address.is_unspecified() => None,
        Ok(IpAddr::V6(address)) => Some(format!("[{address}]")),
        _ if host.is_empty() => None,
        _ => Some(host.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(public_url: Option<&str>, host: &str) -> Outside {
        Outside::of(public_url, (host, 8080), false).unwrap()
    }

    #[test]
    fn the_operator_s_word_counts_then_where_it_listens() {
        for (public_url, host, base) in [
            (Some("https://mcp.example.com"), "::", Some("https://mcp.example.com")),
            (Some("https://mcp.example.com/"), "::", Some("https://mcp.example.com")),
            (Some("https://MCP.example.com:443/a/"), "::", Some("https://mcp.example.com/a")),
            (None, "127.0.0.1", Some("http://127.0.0.1:8080")),
            (None, "::1", Some("http://[::1]:8080")),
            (None, "localhost", Some("http://localhost:8080")),
            (None, "::", None),
            (None, "0.0.0.0", None),
            (None, "", None),
        ] {
            assert_eq!(of(public_url, host).base(), base, "{public_url:?} {host}");
        }
        for bad in ["mcp.example.com", "ftp://h", "https://h?x", "https://h#x", "https://u:p@h"] {
            assert!(Outside::of(Some(bad), ("::", 1), false).is_err(), "{bad}");
        }
    }

    #[test]
    fn documents_stand_below_the_prefix() {
        let plain = of(Some("https://h"), "::");
        let expected = "https://h/.well-known/oauth-protected-resource/mcp";
        assert_eq!(plain.metadata("/mcp", None, None).as_deref(), Some(expected));
        let below = of(Some("https://h/tools"), "::");
        let expected = "https://h/tools/.well-known/oauth-protected-resource/mcp";
        assert_eq!(below.metadata("/mcp", Some("evil"), None).as_deref(), Some(expected));
    }

    #[test]
    fn where_nothing_is_known_everybody_hears_the_host_that_he_asked_for() {
        let unknown = of(None, "::");
        assert_eq!(unknown.seen_from(Some("h:1"), None).as_deref(), Some("http://h:1"));
        let said = unknown.seen_from(Some("h:1"), Some("https"));
        assert_eq!(said.as_deref(), Some("https://h:1"));
        for bad in [None, Some(""), Some("u@h"), Some("a b"), Some("h/x"), Some("h?x")] {
            assert_eq!(unknown.seen_from(bad, None), None, "{bad:?}");
        }
    }
}
