//! A server that is reached over HTTP, and how to sign in to it.

use std::{fmt, path::PathBuf, time::Duration};

use super::{
    DEFAULT_CONNECTION_TIMEOUT, DEFAULT_MAX_LINE_SIZE, DEFAULT_REQUEST_TIMEOUT,
    DEFAULT_RESTART_WAIT, PingConfig, UpstreamProtocol,
};

/// A server that is reached over HTTP.
#[derive(Clone, PartialEq)]
pub struct RemoteConfig {
    /// Its name, if it is one of several servers; by default its URL.
    pub name: Option<String>,
    /// Its MCP endpoint.
    pub url: String,
    /// The transport it speaks, detected by default.
    pub transport: RemoteTransport,
    /// Protocol era spoken to it: by default the client's own, or the other one if the server
    /// requires it.
    pub protocol: UpstreamProtocol,
    /// Headers sent with every request.
    pub headers: Vec<(String, String)>,
    /// Sent as `Authorization: Bearer`.
    pub bearer_token: Option<String>,
    /// How to get a token if the server requires one; `None` gets none.
    pub oauth: Option<OAuthConfig>,
    /// Certificate authorities trusted besides those of the system (PEM); none by default.
    pub ca_certs: Vec<PathBuf>,
    /// Accept every certificate. Off by default.
    pub insecure: bool,
    /// URL of the HTTP or SOCKS proxy to go through, by default that of the usual environment
    /// variables.
    pub proxy: Option<String>,
    /// How often an idle session is pinged; `None`, the default, sends no pings.
    pub ping: Option<PingConfig>,
    /// Time limit for connecting, the handshake and acknowledgements, 60 s by default.
    pub connection_timeout: Duration,
    /// Time a call may go without an answer or progress, 300 s by default; `None` sets no limit.
    pub request_timeout: Option<Duration>,
    /// Time a call may take regardless of progress; `None`, the default, sets no limit.
    pub max_request_time: Option<Duration>,
    /// Time a call waits for an unreachable server, 10 s by default.
    pub wait: Duration,
    /// Longest message accepted from it in bytes, 20 MiB by default.
    pub max_message_size: usize,
}

impl RemoteConfig {
    /// The defaults, for the server at this URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            name: None,
            url: url.into(),
            transport: RemoteTransport::default(),
            protocol: UpstreamProtocol::Auto,
            headers: Vec::new(),
            bearer_token: None,
            oauth: None,
            ca_certs: Vec::new(),
            insecure: false,
            proxy: None,
            ping: None,
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
            .field("ca_certs", &self.ca_certs)
            .field("insecure", &self.insecure)
            .finish_non_exhaustive()
    }
}

/// How tokens for a remote server are got and kept.
#[derive(Clone, PartialEq)]
pub struct OAuthConfig {
    /// Who signs in.
    pub grant: OAuthGrant,
    /// The client to sign in as; if it is not set, one is registered.
    pub client_id: Option<String>,
    /// The secret of that client.
    pub client_secret: Option<String>,
    /// A private key (PEM, PKCS #8) with which that client authenticates, in place of a secret.
    pub client_key: Option<String>,
    /// File with the assertion that is exchanged for a token: another party's statement about the
    /// user.
    pub assertion: Option<PathBuf>,
    /// The authorization server that turns this assertion into one for the server's own
    /// authorization server.
    pub identity_provider: Option<IdentityProvider>,
    /// Scopes to request, separated by spaces, in place of those that the server names.
    pub scope: Option<String>,
    /// The issuer of the only authorization server that is used. If it is not set and credentials
    /// are sent, the first server that was named is remembered, and no other gets them.
    pub issuer: Option<String>,
    /// The resource that tokens are asked for (RFC 8707).
    pub resource: ResourceParameter,
    /// Further parameters of the authorization URL.
    pub authorize_params: Vec<(String, String)>,
    /// Sign in even if the authorization server does not announce support for PKCE. Off by default.
    pub assume_pkce: bool,
    /// Which token of a token response is sent to the server.
    pub presented: PresentedToken,
    /// Print the authorization URL, and open no browser.
    pub headless: bool,
    /// Read from standard input the address at which a browser on another machine ended.
    pub pasted: bool,
    /// Where the browser is redirected after signing in.
    pub callback: CallbackConfig,
    /// Where the key is kept that encrypts tokens.
    pub store: TokenStore,
    /// Directory for the files that hold tokens.
    pub directory: PathBuf,
    /// File with the key that encrypts them, created when it is needed; a key in the keyring has
    /// the name of this file.
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

/// How the proxy signs in to a remote server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OAuthGrant {
    /// A user with a browser.
    #[default]
    AuthorizationCode,
    /// The client itself, with its secret (client credentials).
    ClientCredentials,
    /// A user, by a JWT in which another party vouches for that user.
    JwtBearer,
    /// A user with a browser on another device, who types a code there (RFC 8628).
    DeviceCode,
}

impl OAuthGrant {
    /// Whether a person is needed.
    pub fn needs_somebody(self) -> bool {
        matches!(self, Self::AuthorizationCode | Self::DeviceCode)
    }
}

/// One of the tokens of a token response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PresentedToken {
    /// The access token.
    #[default]
    Access,
    /// The ID token (OpenID Connect), which some servers require instead.
    Id,
}

/// The resource for which tokens are requested.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResourceParameter {
    /// The name that the server gives itself, or its URL.
    #[default]
    Described,
    /// No resource is named.
    Absent,
    /// This one.
    Uri(String),
}

/// The address on this machine to which the browser is redirected after signing in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackConfig {
    /// This machine's name in it, `127.0.0.1` by default.
    pub host: CallbackHost,
    /// 0, the default, lets the system choose.
    pub port: u16,
    /// `/callback` by default.
    pub path: String,
}

impl Default for CallbackConfig {
    fn default() -> Self {
        Self { host: CallbackHost::default(), port: 0, path: "/callback".to_owned() }
    }
}

/// A name of this machine. Whichever it is, only loopback connections are accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallbackHost {
    /// `127.0.0.1`
    #[default]
    Ipv4,
    /// `[::1]`
    Ipv6,
    /// `localhost`, at both addresses.
    Localhost,
}

impl CallbackHost {
    /// The name as it stands in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "127.0.0.1",
            Self::Ipv6 => "[::1]",
            Self::Localhost => "localhost",
        }
    }
}

/// The authorization server of an organisation, which knows its users.
#[derive(Clone, Debug, PartialEq)]
pub struct IdentityProvider {
    /// Where tokens are exchanged.
    pub token_endpoint: String,
    /// The proxy's client id there.
    pub client_id: String,
}

/// Where the key for tokens is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenStore {
    /// In the system's keyring, or in a file if the keyring cannot be used.
    #[default]
    Auto,
    /// In the system's keyring; if it cannot be used, nothing is kept.
    Keyring,
    /// In a file that only its owner can read.
    File,
}

/// The transport of a remote server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemoteTransport {
    /// Streamable HTTP, or HTTP+SSE if the server refuses that.
    #[default]
    Auto,
    /// Streamable HTTP.
    Stream,
    /// HTTP+SSE of revision 2024-11-05.
    Sse,
}
