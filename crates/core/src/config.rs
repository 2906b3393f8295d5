//! Typed configuration: what is meant, not what was typed.
//!
//! The skins (command line, Node addon) parse and validate what their users write and fill these
//! structs; the core moves each part into whatever uses it. Every default lives here, once.

use std::{collections::BTreeMap, ffi::OsString, fmt, path::PathBuf, time::Duration};

/// Port of the HTTP front when none is given.
pub const DEFAULT_PORT: u16 = 8080;
/// Address of the HTTP front: every interface, both families, as the original.
pub const DEFAULT_HOST: &str = "::";
/// Path of the Streamable HTTP endpoint.
pub const DEFAULT_STREAM_ENDPOINT: &str = "/mcp";
/// Path of the HTTP+SSE event stream.
pub const DEFAULT_SSE_ENDPOINT: &str = "/sse";
/// Largest request body: 10 MiB.
pub const DEFAULT_MAX_BODY_SIZE: usize = 10 * 1024 * 1024;
/// Longest line accepted from a child: 20 MiB, the cap of the original's filter.
pub const DEFAULT_MAX_LINE_SIZE: usize = 20 * 1024 * 1024;
/// Events kept per session for `Last-Event-ID`.
pub const DEFAULT_EVENT_STORE_MAX_EVENTS: usize = 1000;
/// Bytes kept per session for `Last-Event-ID`; the newest event is always kept.
pub const DEFAULT_EVENT_STORE_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Idle time after which a keep-alive connection without a request is closed.
pub const DEFAULT_KEEP_ALIVE_TIMEOUT: Duration = Duration::from_mins(5);
/// Idle time after which a session without open responses is closed.
pub const DEFAULT_SESSION_IDLE_TIMEOUT: Duration = Duration::from_mins(30);
/// Time the upstream has to answer the handshake.
pub const DEFAULT_CONNECTION_TIMEOUT: Duration = Duration::from_mins(1);
/// Time a call may go without an answer or a sign of progress.
pub const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_mins(5);
/// Time a call that arrives while the server is being restarted waits for it.
pub const DEFAULT_RESTART_WAIT: Duration = Duration::from_secs(10);
/// Restarts in a row, none of which led to a server that stays, before no more are tried.
pub const DEFAULT_MAX_RESTARTS: u32 = 10;
/// Time a server has to answer a ping, once pings are sent.
pub const DEFAULT_PING_TIMEOUT: Duration = Duration::from_secs(10);
/// Most servers that run at a time when each client has one of its own.
pub const DEFAULT_MAX_CHILDREN: usize = 128;
/// Budget of a graceful shutdown.
pub const DEFAULT_GRACEFUL_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Sessions of a front, of both transports together.
pub const DEFAULT_MAX_SESSIONS: usize = 65_536;
/// Connections of a front at a time.
pub const DEFAULT_MAX_CONNECTIONS: usize = 65_536;
/// Calls that one session may have under way.
pub const DEFAULT_MAX_IN_FLIGHT: usize = 1024;
/// Time a request head may take to arrive, that of Node's HTTP server.
pub const DEFAULT_HEADER_TIMEOUT: Duration = Duration::from_mins(1);
/// Time a request body may take to arrive, that of Node's HTTP server.
pub const DEFAULT_BODY_TIMEOUT: Duration = Duration::from_mins(5);
/// Address of the metrics listener: what it shows is for the operator only.
pub const DEFAULT_METRICS_HOST: &str = "127.0.0.1";

/// Request headers a browser may send by default (`Access-Control-Allow-Headers`).
pub const DEFAULT_ALLOWED_HEADERS: [&str; 8] = [
    "Content-Type",
    "Authorization",
    "Accept",
    "Mcp-Session-Id",
    "Mcp-Protocol-Version",
    "Last-Event-Id",
    "Mcp-Method",
    "Mcp-Name",
];

/// Everything a proxy needs: one HTTP front and the server behind it.
#[derive(Clone, Debug)]
pub struct ProxyConfig {
    /// The front that clients connect to.
    pub http: HttpConfig,
    /// The server that is proxied.
    pub upstream: Upstream,
    /// Budget of a graceful shutdown, 5 s by default; afterwards what is left is aborted.
    pub graceful_shutdown_timeout: Duration,
    /// Prometheus metrics; nothing is counted by default.
    pub metrics: MetricsConfig,
}

/// Where Prometheus metrics are served. Without either nothing is counted.
#[derive(Clone, Debug, Default)]
pub struct MetricsConfig {
    /// `/metrics` on the front, behind its API key, without which the start is refused.
    pub on_front: bool,
    /// `/metrics` on a port of its own, without a key.
    pub listener: Option<MetricsListenerConfig>,
}

impl MetricsConfig {
    /// Whether anything is counted.
    pub fn is_on(&self) -> bool {
        self.on_front || self.listener.is_some()
    }
}

/// The port that serves nothing but metrics and health.
#[derive(Clone, Debug)]
pub struct MetricsListenerConfig {
    /// Host name or address to listen on, `127.0.0.1` by default.
    pub host: String,
    /// Port to listen on; 0 lets the system choose.
    pub port: u16,
}

/// The HTTP front.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches that have nothing to do with each other"
)]
pub struct HttpConfig {
    /// Host name or address to listen on, `::` by default.
    pub host: String,
    /// Port to listen on, 8080 by default; 0 lets the system choose.
    pub port: u16,
    /// Path of the Streamable HTTP endpoint, `/mcp` by default; `None` turns it off.
    pub stream_endpoint: Option<String>,
    /// Path of the HTTP+SSE event stream, `/sse` by default; `None` turns it off.
    pub sse_endpoint: Option<String>,
    /// Serve every POST on its own, without sessions. Off by default.
    pub stateless: bool,
    /// Answer 2025-era calls with `application/json` instead of an event stream. Off by default.
    pub enable_json_response: bool,
    /// Serve the 2026-07-28 revision on the stream endpoint. On by default.
    pub modern: bool,
    /// Who may use the proxy, and what a refused client is told.
    pub auth: AuthConfig,
    /// Cross-origin answers; `None` sends no CORS header at all.
    pub cors: Option<CorsConfig>,
    /// `Host` values that are trusted although the request came over loopback.
    pub allowed_hosts: AllowedHosts,
    /// Add `charset=utf-8` to JSON and event streams of custom routes that name no charset. On by
    /// default.
    pub normalize_charset: bool,
    /// Resumability of 2025-era streams; `None` turns it off.
    pub event_store: Option<EventStoreConfig>,
    /// Idle time after which a keep-alive connection is closed, 300 s by default.
    pub keep_alive_timeout: Duration,
    /// Largest request body in bytes, 10 MiB by default; `None` lifts the limit.
    pub max_body_size: Option<usize>,
    /// Most sessions of both transports together, 65,536 by default.
    pub max_sessions: usize,
    /// Most connections, 65,536 by default; `None` lifts the limit.
    pub max_connections: Option<usize>,
    /// Most calls that one session may have under way, 1,024 by default; `None` lifts the limit.
    pub max_in_flight: Option<usize>,
    /// Time a request head may take, counted from its first byte or, on a new connection, from
    /// its start; 60 s by default.
    pub header_timeout: Duration,
    /// Time a request body may take, 300 s by default.
    pub body_timeout: Duration,
    /// Put the W3C trace context of the HTTP headers into messages that have none. Off by default.
    pub trace_context: bool,
    /// Idle time after which a session is closed, 30 min by default; `None` keeps sessions until
    /// their client ends them.
    pub session_idle_timeout: Option<Duration>,
    /// Serve HTTPS; `None` serves HTTP.
    pub tls: Option<TlsConfig>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            host: DEFAULT_HOST.to_owned(),
            port: DEFAULT_PORT,
            stream_endpoint: Some(DEFAULT_STREAM_ENDPOINT.to_owned()),
            sse_endpoint: Some(DEFAULT_SSE_ENDPOINT.to_owned()),
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
            trace_context: false,
            session_idle_timeout: Some(DEFAULT_SESSION_IDLE_TIMEOUT),
            tls: None,
        }
    }
}

/// API key and the parameters of the `WWW-Authenticate` challenge (RFC 6750, RFC 9728).
#[derive(Clone, Default)]
pub struct AuthConfig {
    /// Value that `X-API-Key` must have; `None` lets everybody in. Never empty.
    pub api_key: Option<String>,
    /// Challenge parameters; `None` is not the same as empty: without it no `resource_metadata`.
    pub oauth: Option<OAuthChallenge>,
}

impl fmt::Debug for AuthConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthConfig")
            .field("api_key", &self.api_key.as_ref().map(|_| "<redacted>"))
            .field("oauth", &self.oauth)
            .finish()
    }
}

/// Parameters of a `WWW-Authenticate: Bearer` challenge; unset ones are left out.
#[derive(Clone, Debug, Default)]
pub struct OAuthChallenge {
    /// `realm`.
    pub realm: Option<String>,
    /// `error`.
    pub error: Option<String>,
    /// `error_description`.
    pub error_description: Option<String>,
    /// `error_uri`.
    pub error_uri: Option<String>,
    /// `scope`, space separated.
    pub scope: Option<String>,
    /// The protected resource whose metadata URL is announced as `resource_metadata`.
    pub resource: Option<String>,
}

/// Cross-origin answers.
#[derive(Clone, Debug)]
pub struct CorsConfig {
    /// Which origins are answered.
    pub origin: CorsOrigin,
    /// `Access-Control-Allow-Credentials`, sent only when the answered origin is not `*`.
    pub credentials: Option<bool>,
    /// `Access-Control-Allow-Methods`.
    pub methods: Vec<String>,
    /// `Access-Control-Allow-Headers`.
    pub allowed_headers: Vec<String>,
    /// `Access-Control-Expose-Headers`.
    pub exposed_headers: Vec<String>,
    /// `Access-Control-Max-Age` in seconds.
    pub max_age: Option<u64>,
}

impl Default for CorsConfig {
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            origin: CorsOrigin::Any,
            credentials: None,
            methods: owned(&["GET", "POST", "OPTIONS"]),
            allowed_headers: owned(&DEFAULT_ALLOWED_HEADERS),
            exposed_headers: owned(&["Mcp-Session-Id"]),
            max_age: None,
        }
    }
}

/// Origins that get an `Access-Control-Allow-Origin`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CorsOrigin {
    /// Every origin, answered with `*`.
    Any,
    /// This value, whatever the request says.
    Fixed(String),
    /// Whatever the embedding program says of each origin.
    Host,
    /// The request's origin if it is one of these.
    List(Vec<String>),
}

/// `Host` names trusted besides the loopback ones.
///
/// A request that arrives over loopback with a foreign `Host` and an `Origin` equal to it is what a
/// rebound web page sends, and is refused unless its host is listed here.
#[derive(Clone, Debug)]
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

/// Bounds of one session's event store; whichever is reached first evicts the oldest event.
#[derive(Clone, Copy, Debug)]
pub struct EventStoreConfig {
    /// Most events kept, 1000 by default, at least 1.
    pub max_events: usize,
    /// Most bytes kept, 4 MiB by default.
    pub max_bytes: usize,
}

impl Default for EventStoreConfig {
    fn default() -> Self {
        Self {
            max_events: DEFAULT_EVENT_STORE_MAX_EVENTS,
            max_bytes: DEFAULT_EVENT_STORE_MAX_BYTES,
        }
    }
}

/// PEM files of an HTTPS front.
#[derive(Clone, Debug, Default)]
pub struct TlsConfig {
    /// Certificate authorities appended to the chain that is sent.
    pub ca: Option<PathBuf>,
    /// The server's certificate chain.
    pub cert: Option<PathBuf>,
    /// The server's private key.
    pub key: Option<PathBuf>,
}

/// Where the server is that is proxied.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Upstream {
    /// A child process.
    Command(Box<UpstreamConfig>),
    /// Another machine, or another process that serves HTTP.
    Remote(Box<RemoteConfig>),
}

impl From<UpstreamConfig> for Upstream {
    fn from(config: UpstreamConfig) -> Self {
        Self::Command(Box::new(config))
    }
}

impl From<RemoteConfig> for Upstream {
    fn from(config: RemoteConfig) -> Self {
        Self::Remote(Box::new(config))
    }
}

/// A server that is reached over HTTP.
#[derive(Clone)]
pub struct RemoteConfig {
    /// Its MCP endpoint.
    pub url: String,
    /// The transport it speaks, found out by default.
    pub transport: RemoteTransport,
    /// Era of the protocol spoken to it: by default the client's own, the other if it has to be.
    pub protocol: UpstreamProtocol,
    /// Headers sent with every request.
    pub headers: Vec<(String, String)>,
    /// Sent as `Authorization: Bearer`.
    pub bearer_token: Option<String>,
    /// How to get a token if the server wants one; `None` gets none.
    pub oauth: Option<OAuthConfig>,
    /// Certificate authorities trusted besides those of the system (PEM).
    pub ca_cert: Option<PathBuf>,
    /// Accept every certificate. Off by default.
    pub insecure: bool,
    /// URL of the HTTP or SOCKS proxy to go through, by default what the usual variables say.
    pub proxy: Option<String>,
    /// Time it has to answer a connection, the handshake or an acknowledgement, 60 s by default.
    pub connection_timeout: Duration,
    /// Time a call may go without an answer or progress, 300 s by default; `None` sets no limit.
    pub request_timeout: Option<Duration>,
    /// Time a call may take whatever its progress; `None`, the default, sets no limit.
    pub max_request_time: Option<Duration>,
    /// Time a call waits for a server that cannot be reached, 10 s by default.
    pub wait: Duration,
    /// Longest message accepted from it in bytes, 20 MiB by default.
    pub max_message_size: usize,
}

impl RemoteConfig {
    /// The defaults, for the server at this URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            transport: RemoteTransport::default(),
            protocol: UpstreamProtocol::Auto,
            headers: Vec::new(),
            bearer_token: None,
            oauth: None,
            ca_cert: None,
            insecure: false,
            proxy: None,
            connection_timeout: DEFAULT_CONNECTION_TIMEOUT,
            request_timeout: Some(DEFAULT_REQUEST_TIMEOUT),
            max_request_time: None,
            wait: DEFAULT_RESTART_WAIT,
            max_message_size: DEFAULT_MAX_LINE_SIZE,
        }
    }
}

/// URLs, headers and tokens may be secrets, so only names are shown.
impl fmt::Debug for RemoteConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("RemoteConfig")
            .field("transport", &self.transport)
            .field("headers", &names)
            .field("ca_cert", &self.ca_cert)
            .field("insecure", &self.insecure)
            .finish_non_exhaustive()
    }
}

/// How tokens for a remote server are got and kept.
#[derive(Clone)]
pub struct OAuthConfig {
    /// Who signs in.
    pub grant: OAuthGrant,
    /// The client to sign in as; without it one is registered.
    pub client_id: Option<String>,
    /// The secret of that client.
    pub client_secret: Option<String>,
    /// A key with which that client signs for itself (PEM, PKCS #8), in place of a secret.
    pub client_key: Option<String>,
    /// Scopes to ask for, separated by spaces, in place of those that the server names.
    pub scope: Option<String>,
    /// Print the URL to sign in at, and open no browser.
    pub headless: bool,
    /// Port that the browser comes back to; 0 lets the system choose.
    pub callback_port: u16,
    /// Directory for the files that hold tokens.
    pub directory: PathBuf,
    /// File with the key that they are encrypted with; made when it is needed.
    pub key_file: PathBuf,
}

/// Secrets are not shown.
impl fmt::Debug for OAuthConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthConfig")
            .field("grant", &self.grant)
            .field("client_id", &self.client_id)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// Who signs in to a remote server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OAuthGrant {
    /// Somebody with a browser.
    #[default]
    AuthorizationCode,
    /// The client itself, with its secret.
    ClientCredentials,
}

/// The transport of a remote server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemoteTransport {
    /// Streamable HTTP, and HTTP+SSE where the server refuses that.
    #[default]
    Auto,
    /// Streamable HTTP.
    Stream,
    /// HTTP+SSE of revision 2024-11-05.
    Sse,
}

/// A server that is a child process, and how it is spoken to.
#[derive(Clone, Debug)]
pub struct UpstreamConfig {
    /// The child process.
    pub command: CommandConfig,
    /// Era of the protocol spoken to it.
    pub protocol: UpstreamProtocol,
    /// Time it has to answer the handshake, 60 s by default.
    pub connection_timeout: Duration,
    /// Time a call may go without an answer or progress, 300 s by default; `None` sets no limit.
    pub request_timeout: Option<Duration>,
    /// Time a call may take whatever its progress; `None`, the default, sets no limit.
    pub max_request_time: Option<Duration>,
    /// What happens when the server ends.
    pub restart: RestartConfig,
    /// Pings that tell a hung server from a busy one; `None`, the default, sends none.
    pub ping: Option<PingConfig>,
    /// Open the port before the server has answered the handshake. Off by default.
    pub listen_early: bool,
    /// Which clients share a server.
    pub isolation: Isolation,
    /// Most servers at a time when they are not shared, 128 by default.
    pub max_children: usize,
    /// Servers started ahead of the clients that will have them, none by default.
    pub prewarm: usize,
    /// Idle time after which a server that is not shared is stopped although its session goes on;
    /// `None`, the default, keeps it as long as the session.
    pub child_idle_timeout: Option<Duration>,
}

impl UpstreamConfig {
    /// The defaults, for this command.
    pub fn new(command: CommandConfig) -> Self {
        Self {
            command,
            protocol: UpstreamProtocol::Legacy,
            connection_timeout: DEFAULT_CONNECTION_TIMEOUT,
            request_timeout: Some(DEFAULT_REQUEST_TIMEOUT),
            max_request_time: None,
            restart: RestartConfig::default(),
            ping: None,
            listen_early: false,
            isolation: Isolation::default(),
            max_children: DEFAULT_MAX_CHILDREN,
            prewarm: 0,
            child_idle_timeout: None,
        }
    }
}

/// What becomes of a child's standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildStderr {
    /// Byte for byte to the proxy's own.
    #[default]
    PassThrough,
    /// Each line becomes an event of the target [`SERVER`](crate::telemetry::SERVER).
    Events,
}

/// Whether and how a server that has ended is started again.
#[derive(Clone, Copy, Debug)]
pub struct RestartConfig {
    /// After which ends.
    pub when: RestartWhen,
    /// Restarts in a row before no more are tried, 10 by default; a server that has served for a
    /// while starts the count anew. `None` never gives up.
    pub max_restarts: Option<u32>,
    /// Time a call that arrives meanwhile waits, 10 s by default.
    pub wait: Duration,
}

impl Default for RestartConfig {
    fn default() -> Self {
        Self {
            when: RestartWhen::default(),
            max_restarts: Some(DEFAULT_MAX_RESTARTS),
            wait: DEFAULT_RESTART_WAIT,
        }
    }
}

/// After which ends a server is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestartWhen {
    /// After every end but an exit with code 0.
    #[default]
    OnFailure,
    /// After every end.
    Always,
    /// After none.
    Never,
}

/// Pings to the server.
#[derive(Clone, Copy, Debug)]
pub struct PingConfig {
    /// Time between an answer and the next ping.
    pub interval: Duration,
    /// Time an answer may take before the server is restarted.
    pub timeout: Duration,
}

/// Which clients share a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isolation {
    /// All of them.
    #[default]
    Shared,
    /// None: each session has a server of its own, and so has each request without a session.
    Session,
    /// The same, said by those who serve requests without sessions: only those differ in what their
    /// servers may remember, and a session's requests belong together.
    Request,
}

/// How a child process is started.
#[derive(Clone)]
pub struct CommandConfig {
    /// Program, looked up in `PATH`; with `shell`, the first word of the command line.
    pub program: OsString,
    /// Its arguments, passed byte for byte.
    pub args: Vec<OsString>,
    /// Join program and arguments with spaces, unquoted, and let the system shell run them.
    pub shell: bool,
    /// Working directory, the proxy's own by default.
    pub cwd: Option<PathBuf>,
    /// Variables set for the child on top of what it inherits.
    pub env: BTreeMap<OsString, OsString>,
    /// Hand the proxy's own environment down. On by default.
    pub inherit_env: bool,
    /// Longest line accepted from it in bytes, 20 MiB by default.
    pub max_line_size: usize,
    /// What becomes of its standard error, passed through by default.
    pub stderr: ChildStderr,
}

/// Values of variables may be secrets, so only names are shown.
impl fmt::Debug for CommandConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandConfig")
            .field("program", &self.program)
            .field("args", &self.args)
            .field("shell", &self.shell)
            .field("cwd", &self.cwd)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("inherit_env", &self.inherit_env)
            .field("max_line_size", &self.max_line_size)
            .field("stderr", &self.stderr)
            .finish()
    }
}

impl CommandConfig {
    /// The defaults, for this program.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            shell: false,
            cwd: None,
            env: BTreeMap::new(),
            inherit_env: true,
            max_line_size: DEFAULT_MAX_LINE_SIZE,
            stderr: ChildStderr::default(),
        }
    }
}

/// Which revisions the proxy offers its upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpstreamProtocol {
    /// The `initialize` handshake of the 2025-era revisions.
    #[default]
    Legacy,
    /// Probe for 2026-07-28 and fall back to the handshake.
    Auto,
    /// 2026-07-28 only.
    Modern,
}
