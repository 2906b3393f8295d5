//! The proxy's address for clients, and the tokens that they need there.

use std::net::{IpAddr, SocketAddr};

use mcp_proxy_core::config::{HttpConfig, ResourceServerConfig};

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reached {
    encrypted: bool,
    /// The audience that tokens have, or would have.
    fixed: Option<Fixed>,
    issuers: String,
    audiences: String,
}

/// The URL before the paths, if tokens depend on it.
#[derive(Clone, Debug)]
enum Fixed {
    Url(String),
    Host(String),
}

impl Reached {
    pub(crate) fn of(http: &HttpConfig) -> Self {
        let tokens = http.auth.resource_server.as_ref();
        Self {
            encrypted: http.tls.is_some(),
            fixed: tokens
                .filter(|tokens| !tokens.issuers.is_empty())
                .and_then(|it| fixed(it, http)),
            issuers: tokens.map(|tokens| tokens.issuers.join(", ")).unwrap_or_default(),
            audiences: tokens.map(|tokens| tokens.audiences.join(" or ")).unwrap_or_default(),
        }
    }

    /// `http` or `https`.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.encrypted { "https" } else { "http" }
    }

    /// The URL before the paths. If tokens are issued for a URL it must be that one: clients
    /// compare it with the one that they were given.
    pub(crate) fn base(&self, address: SocketAddr) -> String {
        match &self.fixed {
            Some(Fixed::Url(url)) => url.clone(),
            Some(Fixed::Host(host)) => format!("{}://{host}:{}", self.scheme(), address.port()),
            None => format!("{}://{}", self.scheme(), for_people(address)),
        }
    }

    /// Whose tokens are accepted, and their audience.
    pub(crate) fn tokens(&self) -> Option<String> {
        let Self { issuers, audiences, .. } = self;
        let audience = if audiences.is_empty() { "the endpoint's URL" } else { audiences };
        (!issuers.is_empty()).then(|| format!("of {issuers}, for {audience}"))
    }
}

fn fixed(tokens: &ResourceServerConfig, http: &HttpConfig) -> Option<Fixed> {
    if let Some(url) = &tokens.public_url {
        return Some(Fixed::Url(url.trim_end_matches('/').to_owned()));
    }
    match http.host.parse::<IpAddr>() {
        Ok(address) if address.is_unspecified() => None,
        Ok(IpAddr::V6(address)) => Some(Fixed::Host(format!("[{address}]"))),
        _ => Some(Fixed::Host(http.host.clone())),
    }
}

/// The address in the form that a person on this machine would type.
pub(crate) fn for_people(address: SocketAddr) -> String {
    let port = address.port();
    match address.ip() {
        ip if ip.is_unspecified() || ip.is_loopback() => format!("localhost:{port}"),
        IpAddr::V6(ip) => format!("[{ip}]:{port}"),
        IpAddr::V4(ip) => format!("{ip}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(host: &str, tokens: Option<ResourceServerConfig>) -> Reached {
        let mut http = HttpConfig { host: host.to_owned(), ..HttpConfig::default() };
        http.auth.resource_server = tokens;
        Reached::of(&http)
    }

    fn of(public_url: Option<&str>, audiences: &[&str]) -> ResourceServerConfig {
        ResourceServerConfig {
            issuers: vec!["https://idp".to_owned()],
            public_url: public_url.map(str::to_owned),
            audiences: audiences.iter().map(|&audience| audience.to_owned()).collect(),
            ..ResourceServerConfig::default()
        }
    }

    #[test]
    fn the_url_is_the_one_that_tokens_are_for() {
        let address = "127.0.0.1:81".parse().unwrap();
        for (host, tokens, expected) in [
            ("::", None, "http://localhost:81"),
            ("127.0.0.1", None, "http://localhost:81"),
            ("127.0.0.1", Some(of(None, &[])), "http://127.0.0.1:81"),
            ("::1", Some(of(None, &[])), "http://[::1]:81"),
            ("box", Some(of(None, &["app"])), "http://box:81"),
            ("::", Some(of(None, &["app"])), "http://localhost:81"),
            ("::", Some(of(Some("https://mcp.example/a/"), &[])), "https://mcp.example/a"),
        ] {
            assert_eq!(reached(host, tokens).base(address), expected, "{host}");
        }
    }

    #[test]
    fn whose_tokens_let_in_is_said() {
        assert_eq!(reached("::", None).tokens(), None);
        let said = reached("::1", Some(of(None, &[]))).tokens();
        assert_eq!(said.as_deref(), Some("of https://idp, for the endpoint's URL"));
        let said = reached("::1", Some(of(None, &["a", "b"]))).tokens();
        assert_eq!(said.as_deref(), Some("of https://idp, for a or b"));
    }
}
