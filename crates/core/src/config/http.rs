//! The HTTP front: where it listens, what it serves, and its limits.

use std::{path::PathBuf, time::Duration};

use super::{
    AuthConfig, ClusterConfig, CorsConfig, DEFAULT_BODY_TIMEOUT, DEFAULT_HEADER_TIMEOUT,
    DEFAULT_HOST, DEFAULT_KEEP_ALIVE_TIMEOUT, DEFAULT_MAX_BODY_SIZE, DEFAULT_MAX_BUFFERED,
    DEFAULT_MAX_CONNECTIONS, DEFAULT_MAX_IN_FLIGHT, DEFAULT_MAX_SESSIONS, DEFAULT_PORT,
    DEFAULT_SESSION_IDLE_TIMEOUT, DEFAULT_SSE_ENDPOINT, DEFAULT_STREAM_ENDPOINT,
    DEFAULT_WRITE_TIMEOUT, EventStoreConfig, TrustedProxies,
};

/// The HTTP front.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches that have nothing to do with each other"
)]
pub struct HttpConfig {
    /// Host name or address to listen on, `::` by default.
    pub host: String,
    /// Port to listen on, 8080 by default; 0 lets the system choose.
    pub port: u16,
    /// Let other processes of this user, with the same setting, listen on the same port: workers of
    /// Node's cluster. Off by default, and without effect on Windows.
    pub shares_port: bool,
    /// Path of the Streamable HTTP endpoint, `/mcp` by default; `None` turns it off.
    pub stream_endpoint: Option<String>,
    /// Path of the HTTP+SSE event stream, `/sse` by default; `None` turns it off.
    pub sse_endpoint: Option<String>,
    /// Where HTTP+SSE clients post; sent in the first event of their stream: a path, or a reference
    /// relative to the path of the stream. The default is `/messages` if the stream is at `/sse`,
    /// else the path of the stream itself. `/messages` is always served, too.
    pub messages_endpoint: Option<String>,
    /// Reverse proxies in front, whose `X-Forwarded-*` headers are trusted. None by default.
    pub trusted_proxies: TrustedProxies,
    /// Serve every POST on its own, without sessions. Off by default.
    pub stateless: bool,
    /// Answer 2025-era calls with `application/json` instead of an event stream. Off by default.
    pub enable_json_response: bool,
    /// Serve the 2026-07-28 revision on the stream endpoint. On by default.
    pub modern: bool,
    /// Who may use the proxy, and what refused clients are told.
    pub auth: AuthConfig,
    /// Cross-origin answers; `None` sends no CORS header at all.
    pub cors: Option<CorsConfig>,
    /// `Host` values that are trusted on requests that came over loopback.
    pub allowed_hosts: AllowedHosts,
    /// Add `charset=utf-8` to JSON and event streams of custom routes without a charset. On by
    /// default.
    pub normalize_charset: bool,
    /// Resumability of 2025-era streams; `None` turns it off.
    pub event_store: Option<EventStoreConfig>,
    /// Idle time after which a keep-alive connection is closed, 300 s by default.
    pub keep_alive_timeout: Duration,
    /// Largest request body in bytes, 10 MiB by default; `None` sets no limit.
    pub max_body_size: Option<usize>,
    /// Most sessions of both transports together, 65,536 by default.
    pub max_sessions: usize,
    /// Most connections, 65,536 by default; `None` sets no limit.
    pub max_connections: Option<usize>,
    /// Most calls that one session may have under way, 1,024 by default; `None` sets no limit.
    pub max_in_flight: Option<usize>,
    /// Time a request head may take, counted from its first byte or, on a new connection, from
    /// its start; 60 s by default.
    pub header_timeout: Duration,
    /// Time a request body may take, 300 s by default.
    pub body_timeout: Duration,
    /// Most connections of one address; `None`, the default, sets no limit.
    pub max_connections_per_ip: Option<usize>,
    /// Most requests of one address per second, in bursts of up to ten seconds' worth; `None`, the
    /// default, sets no limit.
    pub rate_limit: Option<u32>,
    /// Time after which a connection accepts no more requests; `None`, the default, sets no limit.
    pub max_connection_age: Option<Duration>,
    /// Requests after which a connection accepts no more; `None`, the default, sets no limit.
    pub max_connection_requests: Option<u64>,
    /// Time that a client may leave a response unread, 300 s by default; `None` sets no limit. See
    /// also [`default_write_timeout`](super::default_write_timeout).
    pub write_timeout: Option<Duration>,
    /// Most bytes that wait for all clients together, 1 GiB by default; `None` sets no limit.
    pub max_buffered: Option<usize>,
    /// Copy the W3C trace context of the HTTP headers into messages that have none. Off by default.
    pub trace_context: bool,
    /// Idle time after which a session is closed, 30 min by default; `None` keeps sessions until
    /// their client ends them.
    pub session_idle_timeout: Option<Duration>,
    /// Serve HTTPS; `None` serves HTTP.
    pub tls: Option<TlsConfig>,
    /// Other replicas that serve the same clients; `None` for a single replica.
    pub cluster: Option<ClusterConfig>,
}

/// Whether this can be where HTTP+SSE clients post: a path, or a relative reference, made of
/// characters that a path may contain (RFC 3986, 3.3).
pub fn is_reference(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=@%".contains(&byte);
    !text.is_empty() && !text.starts_with("//") && text.bytes().all(fits)
}

impl HttpConfig {
    /// Whether every client needs credentials.
    pub fn asks_who_calls(&self) -> bool {
        let certificates = self.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        self.auth.is_on() || certificates
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            host: DEFAULT_HOST.to_owned(),
            port: DEFAULT_PORT,
            shares_port: false,
            stream_endpoint: Some(DEFAULT_STREAM_ENDPOINT.to_owned()),
            sse_endpoint: Some(DEFAULT_SSE_ENDPOINT.to_owned()),
            messages_endpoint: None,
            trusted_proxies: TrustedProxies::default(),
            stateless: false,
            enable_json_response: false,
            modern: true,
            auth: AuthConfig::default(),
            cors: Some(CorsConfig::default()),
            allowed_hosts: AllowedHosts::default(),
            normalize_charset: true,
            event_store: Some(EventStoreConfig::default()),
            keep_alive_timeout: DEFAULT_KEEP_ALIVE_TIMEOUT,
            max_body_size: Some(DEFAULT_MAX_BODY_SIZE),
            max_sessions: DEFAULT_MAX_SESSIONS,
            max_connections: Some(DEFAULT_MAX_CONNECTIONS),
            max_in_flight: Some(DEFAULT_MAX_IN_FLIGHT),
            header_timeout: DEFAULT_HEADER_TIMEOUT,
            body_timeout: DEFAULT_BODY_TIMEOUT,
            max_connections_per_ip: None,
            rate_limit: None,
            max_connection_age: None,
            max_connection_requests: None,
            write_timeout: Some(DEFAULT_WRITE_TIMEOUT),
            max_buffered: Some(DEFAULT_MAX_BUFFERED),
            trace_context: false,
            session_idle_timeout: Some(DEFAULT_SESSION_IDLE_TIMEOUT),
            tls: None,
            cluster: None,
        }
    }
}

/// `Host` names trusted besides the loopback ones.
///
/// A request that arrives over loopback with a foreign `Host`, and that a browser may have sent for
/// a page of that host, is refused unless the host is listed here.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum AllowedHosts {
    /// Only these names (without port) besides the loopback ones.
    Only(Vec<String>),
    /// No check at all.
    Any,
}

impl Default for AllowedHosts {
    fn default() -> Self {
        Self::Only(Vec::new())
    }
}

/// PEM files of an HTTPS front.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TlsConfig {
    /// PEM file of certificate authorities, appended to the chain that is sent.
    pub ca: Option<PathBuf>,
    /// The server's certificate chain.
    pub cert: Option<PathBuf>,
    /// The server's private key.
    pub key: Option<PathBuf>,
    /// Authorities of clients' certificates; if set, every client needs a certificate.
    pub client_ca: Option<PathBuf>,
}
