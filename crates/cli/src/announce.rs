//! The start screen: where the proxy serves, what, and a command to try it with.

use std::net::SocketAddr;

use mcp_proxy_core::{config::ProxyConfig, telemetry::on_one_line};

use crate::{
    paint::Paint,
    reached::{Reached, for_people},
};

/// The parts of the start screen that are known before the port is.
#[derive(Debug)]
pub(crate) struct Announcement {
    reached: Reached,
    stream_endpoint: Option<String>,
    sse_endpoint: Option<String>,
    protected: bool,
    /// Whether clients find out by themselves how to sign in.
    signs_in: bool,
    paint: Paint,
}

impl Announcement {
    pub(crate) fn new(config: &ProxyConfig, paint: Paint) -> Self {
        Self {
            reached: Reached::of(&config.http),
            stream_endpoint: config.http.stream_endpoint.clone(),
            sse_endpoint: config.http.sse_endpoint.clone(),
            protected: config.http.auth.api_key.is_some(),
            signs_in: config.http.auth.resource_server.is_some(),
            paint,
        }
    }

    /// The whole text.
    pub(crate) fn text(&self, listening: &Listening<'_>) -> String {
        let (scheme, paint) = (self.reached.scheme(), self.paint);
        let Listening { address, metrics, inspector, peers, server } = *listening;
        let base = self.reached.base(address);
        let row =
            |label: &str, value: &str| format!("  {}{value}\n", paint.dim(format!("{label:<17}")));
        let endpoint = |label: &str, path: &Option<String>| {
            Some(row(label, &format!("{base}{}", path.as_ref()?)))
        };
        let heading = paint.bold(format!("{scheme}://{address}"));
        let metrics = metrics.map(|address| format!("http://{}/metrics", for_people(address)));
        [
            Some(format!("{} {heading}\n", paint.green("listening on"))),
            server.map(|server| row("serving", &on_one_line(server))),
            endpoint("Streamable HTTP", &self.stream_endpoint),
            endpoint("HTTP+SSE", &self.sse_endpoint),
            self.reached.tokens().map(|tokens| row("tokens", &on_one_line(&tokens))),
            metrics.map(|metrics| row("metrics", &metrics)),
            peers.map(|peers| row("other replicas", &peers.to_string())),
            inspector.map(|url| row("inspect", url)),
            self.example(&base, server).map(|example| row("try it", &example)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn example(&self, base: &str, server: Option<&str>) -> Option<String> {
        let (transport, path) = match (&self.stream_endpoint, &self.sse_endpoint) {
            (Some(path), _) => ("http", path),
            (None, Some(path)) => ("sse", path),
            (None, None) => return None,
        };
        let name = name_for(server);
        let key =
            if self.protected && !self.signs_in { " --header \"X-API-Key: <key>\"" } else { "" };
        Some(format!("claude mcp add --transport {transport} {name} {base}{path}{key}"))
    }
}

/// The parts that are known once the proxy serves.
#[derive(Debug)]
pub(crate) struct Listening<'a> {
    pub(crate) address: SocketAddr,
    /// The metrics' own port.
    pub(crate) metrics: Option<SocketAddr>,
    /// The port for other replicas.
    pub(crate) peers: Option<SocketAddr>,
    /// The URL of the inspection page.
    pub(crate) inspector: Option<&'a str>,
    /// Name and version of the server.
    pub(crate) server: Option<&'a str>,
}

/// A name without characters that need quotes, made from the server's own.
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
            reached: Reached::default(),
            stream_endpoint: Some("/mcp".to_owned()),
            sse_endpoint: Some("/sse".to_owned()),
            protected: false,
            signs_in: false,
            paint: Paint::PLAIN,
        }
    }

    fn listening<'a>(address: &str, server: Option<&'a str>) -> Listening<'a> {
        let address = address.parse().unwrap();
        Listening { address, metrics: None, peers: None, inspector: None, server }
    }

    #[test]
    fn a_person_can_copy_every_address() {
        let text = announcement().text(&listening("[::]:8080", Some("example/everything 1.2")));
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
        let text = protected.text(&listening("192.0.2.1:1", None));
        assert!(text.contains(
            "--transport sse my-server http://192.0.2.1:1/sse --header \"X-API-Key: <key>\""
        ));
    }
}
