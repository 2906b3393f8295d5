//! A server that is reached over HTTP, and signing in to it.

use std::{fmt, path::PathBuf, time::Duration};

use super::{
    DEFAULT_CONNECTION_TIMEOUT, DEFAULT_MAX_LINE_SIZE, DEFAULT_REQUEST_TIMEOUT,
    DEFAULT_RESTART_WAIT, UpstreamProtocol,
};

/// A server that is reached over HTTP.
#[derive(Clone, PartialEq)]
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
    /// Print the URL to sign in at, and open no browser.
    pub headless: bool,
    /// Port that the browser comes back to; 0 lets the system choose.
    pub callback_port: u16,
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
