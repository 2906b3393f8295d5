//! Errors of a command line, as printed on stderr.
//!
//! If the original has a message, its first line is kept exactly.

use std::fmt;

use mcp_proxy_core::config::InvalidNetwork;

use crate::args::others;

/// A command line that cannot be run. Each one ends the process with exit code 1.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UsageError {
    /// There is no server to proxy.
    #[error(
        "Error: No command specified.\n\
         Usage: mcp-proxy [options] -- <command> [args...]\n   \
            or: mcp-proxy <command> [args...]\n\
         \n\
         Examples:\n  \
           mcp-proxy --port 8080 -- node server.js --port 3000\n  \
           mcp-proxy node server.js"
    )]
    NoCommand,
    /// A remote server is a URL and nothing else.
    #[error(
        "Error: the URL of a remote server takes no arguments, only flags (got {0:?}).\n\
         Usage: mcp-proxy [options] <url>"
    )]
    BesideUrl(String),
    /// A header was split at its spaces, which happens with clients that have no quotes.
    #[error(
        "Error: --header \"{name}:\" has no value; the value came as separate words.\n\
         Write the header as one word, --header=\"{name}: ...\", or give the token with --bearerToken."
    )]
    SplitHeader { name: String },
    /// A URL without a scheme, or with another one, is not a command.
    #[error(
        "Error: {given:?} is not a command here; if it is the address of a server, write http://{address} or https://{address}"
    )]
    NoScheme { given: String, address: String },
    /// A variable in a value has no value.
    #[error("Error: {flag}: {problem}")]
    Variable { flag: &'static str, problem: String },
    /// Not a path that can be announced to clients.
    #[error("Error: --messagesEndpoint must be a path, such as /messages or messages (got {0:?}).")]
    MessagesEndpoint(String),
    /// An entry that is not a network.
    #[error("Error: --trustProxy: {0}.")]
    Network(#[from] InvalidNetwork),
    /// Signing in requires a single server.
    #[error("Error: --signIn needs the URL of the server to sign in to.")]
    SignInWhere,
    /// Signing in and out at the same time.
    #[error("Error: --signIn and --signOut cannot be used together.")]
    SignInAndOut,
    /// Only one action in place of serving is possible.
    #[error("Error: {} and {} cannot be used together.", .flags[0], .flags[1])]
    OneErrand { flags: [&'static str; 2] },
    /// A word after `--call` is not an argument of the tool.
    #[error(
        "Error: --call: {problem}\nUsage: mcp-proxy --call NAME [key=value ...] -- <command> [args...]"
    )]
    Call { problem: String },
    /// A client that signs in by itself needs an id.
    #[error(
        "Error: --grant client-credentials needs --clientId and either --clientSecret or --clientKey."
    )]
    ClientCredentials,
    /// No assertion to request a token with.
    #[error("Error: --grant jwt-bearer needs --clientId and --assertion.")]
    JwtBearer,
    /// Half of the settings for an exchange.
    #[error("Error: --idpTokenEndpoint and --idpClientId must be used together.")]
    IdentityProvider,
    /// A parameter does not consist of a name and a value.
    #[error("Error: --authorizeParam takes name=value (got {0:?} for the name)")]
    AuthorizeParam(String),
    /// A header does not consist of a name and a value; the value is not shown, because it may be a
    /// secret.
    #[error("Error: --header takes \"Name: value\" (got {0:?} for the name)")]
    Header(String),
    /// A file of secrets cannot be used.
    #[error("Error: {flag} {path}: {problem}")]
    SecretFile { flag: &'static str, path: String, problem: String },

    /// A flag about tokens, but no tokens are accepted.
    #[error("Error: {0} has no effect without --auth or --authTokens: everybody would be let in.")]
    AuthFlagAlone(&'static str),
    /// Everybody who reaches the proxy could use it.
    #[error(
        "Error: --requireAuth: the proxy could be reached through {0} without authentication.\n\
         Ask for credentials with --auth, --authTokens or --apiKey, or serve this machine only: \
         --host 127.0.0.1, without --tunnel."
    )]
    Exposed(String),
    /// Without tokens, callers cannot be told apart.
    #[error(
        "Error: --isolation identity needs --auth or --authTokens, which tell identities apart."
    )]
    NobodyToTellApart,
    /// A new token needs a file that lists it.
    #[error("Error: --newToken needs --authTokens, the file in which the token is listed.")]
    NewTokenWhere,
    /// An expiry without a token.
    #[error("Error: --tokenExpires needs --newToken: it sets when that token expires.")]
    TokenExpiresAlone,

    /// Words that are not among their flags' choices; one line for each flag.
    #[error("Invalid values:{}", lines(.0))]
    InvalidChoices(Vec<InvalidChoice>),

    /// A word looks like a flag, but that flag does not exist.
    ///
    /// Differs from mcp-proxy: there it is ignored, and `--apikey` leaves a server open.
    #[error("Error: unknown flag {word}{}\n{SEPARATOR_ADVICE}", question(word, .nearest.as_deref()))]
    UnknownFlag { word: String, nearest: Option<String> },

    /// A flag without its value.
    ///
    /// Differs from mcp-proxy: there the default applies, so `--host $UNSET` opens every interface.
    #[error("Error: {flag} needs a value\nIf the value begins with a dash, write {flag}=<value>.")]
    MissingValue { flag: String },

    /// A flag without a value was given one.
    #[error("Error: {flag} takes no value")]
    UnexpectedValue { flag: String },

    /// A value that its flag does not accept.
    #[error("Error: --{flag} must be {accepted} (got {got}).{}\n  given: {given}", sentence(.advice))]
    InvalidValue {
        flag: &'static str,
        accepted: String,
        got: String,
        advice: &'static str,
        given: String,
    },

    /// A value in the file of `--config` that its flag does not accept.
    #[error("Error: {place}: {flag} must be {accepted} (got {got}).")]
    InvalidSetting { place: String, flag: &'static str, accepted: String, got: String },

    /// The file of `--config` cannot be used; the sentence begins with the file's name.
    #[error("Error: {0}")]
    Config(String),

    /// Two sources of servers.
    #[error(
        "Error: --config and {0} cannot be used together: the file defines the servers.\n\
         Put the server into the file, or leave --config out."
    )]
    TwoSources(String),

    /// A flag that applies only to many servers.
    #[error(
        "Error: --stdio serves the servers of --config over standard input and output, so it needs --config.\n\
         A stdio server over HTTP is mcp-proxy -- <command>; a remote server over stdio is mcp-proxy <url>."
    )]
    StdioAlone,

    /// More than one server.
    #[error(
        "Error: --replay serves a recording, so it takes no command and no URL.\n\
         To compare a server with a recording: mcp-proxy --verify <file> -- <command>."
    )]
    ReplayAndServer,

    /// The file does not exist, or is not a recording.
    #[error("Error: --replay: {0}.")]
    Recording(String),

    /// No file to check.
    #[error("Error: --checkConfig needs --config <file>.")]
    CheckWhat,

    /// An input does not consist of an id and a value; the value is not shown, because it may be a
    /// secret.
    #[error("Error: --input takes id=value (got {0:?} for the id)")]
    Input(String),

    /// A command of `--namedServer` cannot be parsed, or a name is repeated.
    #[error("Error: --namedServer {name}: {problem}")]
    NamedServer { name: String, problem: String },

    /// Both endpoints are turned off.
    #[error(
        "Error: nothing to serve: the Streamable HTTP endpoint and the SSE endpoint are both turned off."
    )]
    NothingToServe,

    /// Everybody who reaches the proxy could read the metrics.
    #[error(
        "Error: --metrics serves /metrics to everybody who may use the server, so it needs \
         --apiKey, \
         --auth or --authTokens.\n\
         --metricsPort serves it without a key, on a port of its own."
    )]
    OpenMetrics,

    /// Anybody could act as a replica.
    #[error(
        "Error: --peers, --peerPort and --store need a secret that all replicas share: --peerSecretFile <file>, or \
         MCP_PROXY_PEER_SECRET.\n\
         `openssl rand -hex 32` makes one."
    )]
    NoPeerSecret,
    /// A secret that can be guessed; it is not shown.
    #[error(
        "Error: --peerSecret needs at least {} bytes.\n\
         `openssl rand -hex 32` makes one.",
        mcp_proxy_core::config::MIN_PEER_SECRET
    )]
    ShortPeerSecret,
    /// The URL of a store is malformed; it is not shown, because it may hold a password.
    #[error(
        "Error: --store takes redis://, rediss:// or redis+unix:// and the address of the store."
    )]
    StoreUrl,
    /// The address of a replica is malformed.
    #[error(
        "Error: {flag} takes host:port (got {given:?}); an IPv6 address is written [address]:port."
    )]
    PeerAddress { flag: &'static str, given: String },

    /// HTTPS with only half of its files.
    #[error("Error: HTTPS needs both --sslCert and --sslKey (missing: {missing}).")]
    IncompleteTls { missing: &'static str },

    /// A variable for the server does not consist of a name and a value; the value is not shown,
    /// because it may be a secret.
    #[error("Error: --env takes NAME=value (got {0:?} for the name)")]
    EnvPair(String),

    /// A file of variables cannot be used.
    #[error("Error: --envFile {path}: {problem}")]
    EnvFile { path: String, problem: String },

    /// Any other error of clap.
    #[error("Error: {0}")]
    Other(String),
}

/// Words for a flag with a fixed list of choices.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InvalidChoice {
    pub(crate) flag: &'static str,
    pub(crate) given: String,
    pub(crate) choices: Vec<&'static str>,
}

impl fmt::Display for InvalidChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n  Argument: {}, Given: \"{}\", Choices: ", self.flag, self.given)?;
        for (index, choice) in self.choices.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}\"{choice}\"")?;
        }
        Ok(())
    }
}

const SEPARATOR_ADVICE: &str = "Flags of the server come after it: mcp-proxy [options] -- <command> [args...]\n\
                                All flags: mcp-proxy --help";

fn lines(choices: &[InvalidChoice]) -> String {
    choices.iter().map(InvalidChoice::to_string).collect()
}

/// What may have been meant: another program's name for it, or a similar spelling.
fn question(word: &str, nearest: Option<&str>) -> String {
    if let Some(hint) = others::hint(word) {
        return format!("; {hint}");
    }
    nearest.map(|flag| format!("; did you mean {flag}?")).unwrap_or_default()
}

fn sentence(advice: &str) -> String {
    if advice.is_empty() { String::new() } else { format!(" {advice}") }
}
