//! What a person reads once the proxy serves: where, what, and a line to try it with.

use std::net::SocketAddr;

use mcp_proxy_core::config::ProxyConfig;

/// The parts of the announcement that are known before the port is.
#[derive(Debug)]
pub(crate) struct Announcement {
    scheme: &'static str,
    stream_endpoint: Option<String>,
    sse_endpoint: Option<String>,
    protected: bool,
}

impl Announcement {
    pub(crate) fn new(config: &ProxyConfig) -> Self {
        Self {
            scheme: if config.http.tls.is_some() { "https" } else { "http" },
            stream_endpoint: config.http.stream_endpoint.clone(),
            sse_endpoint: config.http.sse_endpoint.clone(),
            protected: config.http.auth.api_key.is_some(),
        }
    }

    /// The whole text.
    pub(crate) fn text(&self, address: SocketAddr, server: Option<&str>) -> String {
        let scheme = self.scheme;
        let host = match address.ip() {
            ip if ip.is_unspecified() || ip.is_loopback() => "localhost".to_owned(),
            std::net::IpAddr::V6(ip) => format!("[{ip}]"),
            std::net::IpAddr::V4(ip) => ip.to_string(),
        };
        let base = format!("{scheme}://{host}:{}", address.port());
        let mut text = format!("listening on {scheme}://{address}\n");
        if let Some(server) = server {
            text += &format!("  serving          {server}\n");
        }
        if let Some(path) = &self.stream_endpoint {
            text += &format!("  Streamable HTTP  {base}{path}\n");
        }
        if let Some(path) = &self.sse_endpoint {
            text += &format!("  HTTP+SSE         {base}{path}\n");
        }
        text + &self.example(&base, server)
    }

    fn example(&self, base: &str, server: Option<&str>) -> String {
        let (transport, path) = match (&self.stream_endpoint, &self.sse_endpoint) {
            (Some(path), _) => ("http", path),
            (None, Some(path)) => ("sse", path),
            (None, None) => return String::new(),
        };
        let name = name_for(server);
        let key = if self.protected { " --header \"X-API-Key: <key>\"" } else { "" };
        format!(
            "  try it           claude mcp add --transport {transport} {name} {base}{path}{key}\n"
        )
    }
}

/// A name that needs no quotes, made from the server's own.
fn name_for(server: Option<&str>) -> String {
    let first = server.and_then(|server| server.split_whitespace().next()).unwrap_or_default();
    let plain: String = first
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
        .collect();
    let plain = plain.trim_matches('-').to_ascii_lowercase();
    if plain.is_empty() { "my-server".to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement() -> Announcement {
        Announcement {
            scheme: "http",
            stream_endpoint: Some("/mcp".to_owned()),
            sse_endpoint: Some("/sse".to_owned()),
            protected: false,
        }
    }

    #[test]
    fn a_person_can_copy_every_address() {
        let text =
            announcement().text("[::]:8080".parse().unwrap(), Some("example/everything 1.2"));
        assert_eq!(
            text,
            "listening on http://[::]:8080\n  \
             serving          example/everything 1.2\n  \
             Streamable HTTP  http://localhost:8080/mcp\n  \
             HTTP+SSE         http://localhost:8080/sse\n  \
             try it           claude mcp add --transport http everything http://localhost:8080/mcp\n"
        );
    }

    #[test]
    fn a_protected_proxy_says_where_the_key_goes() {
        let protected = Announcement { protected: true, stream_endpoint: None, ..announcement() };
        let text = protected.text("192.0.2.1:1".parse().unwrap(), None);
        assert!(text.contains(
            "--transport sse my-server http://192.0.2.1:1/sse --header \"X-API-Key: <key>\""
        ));
    }
}
