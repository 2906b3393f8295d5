//! A server that is reached over HTTP, and signing in to it.

use std::{fmt, path::PathBuf, time::Duration};

use super::{
    DEFAULT_CONNECTION_TIMEOUT, DEFAULT_MAX_LINE_SIZE, DEFAULT_REQUEST_TIMEOUT,
    DEFAULT_RESTART_WAIT, PingConfig, UpstreamProtocol,
};

/// A server that is reached over HTTP.
#[derive(Clone, PartialEq)]
pub struct RemoteConfig {
    /// What the server is called where it is one of several, by default as its URL.
    pub name: Option<String>,
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
    /// Certificate authorities trusted besides those of the system (PEM); none by default.
    pub ca_certs: Vec<PathBuf>,
    /// Accept every certificate. Off by default.
    pub insecure: bool,
    /// URL of the HTTP or SOCKS proxy to go through, by default what the usual variables say.
    pub proxy: Option<String>,
    /// How often a session that is idle is pinged; `None`, the default, sends no pings.
    pub ping: Option<PingConfig>,
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
    /// The client to sign in as; without it one is registered.
    pub client_id: Option<String>,
    /// The secret of that client.
    pub client_secret: Option<String>,
    /// A key with which that client signs for itself (PEM, PKCS #8), in place of a secret.
    pub client_key: Option<String>,
    /// File with what is presented for a token: somebody else's word for who asks.
    pub assertion: Option<PathBuf>,
    /// Who turns that word into one for the server's own authorization server.
    pub identity_provider: Option<IdentityProvider>,
    /// Scopes to ask for, separated by spaces, in place of those that the server names.
    pub scope: Option<String>,
    /// The only authorization server that is asked, by its issuer; without it, the first that the
    /// server names is remembered where secrets are sent, and no other gets them.
    pub issuer: Option<String>,
    /// The resource that tokens are asked for (RFC 8707).
    pub resource: ResourceParameter,
    /// Further parameters of the address to sign in at.
    pub authorize_params: Vec<(String, String)>,
    /// Sign in where the authorization server does not say that it supports PKCE. Off by default.
    pub assume_pkce: bool,
    /// Which token of an answer is presented to the server.
    pub presented: PresentedToken,
    /// Print the URL to sign in at, and open no browser.
    pub headless: bool,
    /// Read the address that a browser elsewhere ended at from standard input.
    pub pasted: bool,
    /// Where the browser comes back to.
    pub callback: CallbackConfig,
    /// Where the key is kept that tokens are encrypted with.
    pub store: TokenStore,
    /// Directory for the files that hold tokens.
    pub directory: PathBuf,
    /// File with the key that they are encrypted with, made when it is needed; the key in the
    /// keyring is the one of this name.
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
    /// Whoever somebody else has vouched for, in a JWT.
    JwtBearer,
    /// Somebody with a browser on another device, who types a code there (RFC 8628).
    DeviceCode,
}

impl OAuthGrant {
    /// Whether a person is needed.
    pub fn needs_somebody(self) -> bool {
        matches!(self, Self::AuthorizationCode | Self::DeviceCode)
    }
}

/// One of the tokens of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PresentedToken {
    /// The access token.
    #[default]
    Access,
    /// The ID token (OpenID Connect), which some servers want in its place.
    Id,
}

/// The resource that tokens are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResourceParameter {
    /// What the server calls itself, or its URL.
    #[default]
    Described,
    /// None is named.
    Absent,
    /// This one.
    Uri(String),
}

/// The address on this machine that the browser comes back to after signing in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackConfig {
    /// What this machine is called in it, `127.0.0.1` by default.
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

/// A name of this machine. Connections are taken on loopback only, whichever it is.
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

/// The authorization server of an organisation, which knows its people.
#[derive(Clone, Debug, PartialEq)]
pub struct IdentityProvider {
    /// Where tokens are exchanged.
    pub token_endpoint: String,
    /// What the proxy is called there.
    pub client_id: String,
}

/// Where the key to tokens is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenStore {
    /// In the system's keyring, or in a file if that cannot be used.
    #[default]
    Auto,
    /// In the system's keyring; nothing is kept if that cannot be used.
    Keyring,
    /// In a file for its owner only.
    File,
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
