//! The table of flags: one entry each, in the order of `--help`.
//!
//! An entry is everything about a flag except for its effect, which is in `options`. Both
//! spellings, the variable, `--no-x`, the line in `--help` and suggestions for typing errors are
//! derived from it.

use std::time::Duration;

use mcp_proxy_core::Form;
use mcp_proxy_core::config::{
    AuthPreset, CallbackHost, DEFAULT_BODY_TIMEOUT, DEFAULT_CONNECTION_TIMEOUT,
    DEFAULT_EVENT_STORE_MAX_BYTES, DEFAULT_EVENT_STORE_MAX_EVENTS,
    DEFAULT_GRACEFUL_SHUTDOWN_TIMEOUT, DEFAULT_HEADER_TIMEOUT, DEFAULT_HOST,
    DEFAULT_KEEP_ALIVE_TIMEOUT, DEFAULT_MAX_BODY_SIZE, DEFAULT_MAX_BUFFERED, DEFAULT_MAX_CHILDREN,
    DEFAULT_MAX_CONNECTIONS, DEFAULT_MAX_IN_FLIGHT, DEFAULT_MAX_LINE_SIZE, DEFAULT_MAX_RESTARTS,
    DEFAULT_MAX_SESSIONS, DEFAULT_METRICS_HOST, DEFAULT_PEER_PORT, DEFAULT_PING_TIMEOUT,
    DEFAULT_PORT, DEFAULT_RECORD_MAX_FILES, DEFAULT_RECORD_MAX_SIZE, DEFAULT_REQUEST_TIMEOUT,
    DEFAULT_RESTART_WAIT, DEFAULT_RETRY_INTERVAL, DEFAULT_SESSION_IDLE_TIMEOUT,
    DEFAULT_SSE_ENDPOINT, DEFAULT_STREAM_ENDPOINT, DEFAULT_WRITE_TIMEOUT, Durability, Isolation,
    OAuthGrant, RemoteTransport, RestartWhen, TokenStore, UpstreamProtocol,
};

use crate::args::{
    flag::{Definition, Flag, Section, kebab},
    kinds::{Call, Choice, Host, List, Number, Pairs, PathName, Port, Route, Secret, Switch, Text},
};
use crate::telemetry::{Format, Level};

/// Which of the two 2025-era transports are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transports {
    Both,
    Sse,
    Stream,
}

/// Worker threads of the runtime: one serves a single child's pipe better than several.
pub(crate) const DEFAULT_THREADS: usize = 1;

/// The flag with this name, in either spelling.
pub(crate) fn named(word: &str) -> Option<&'static dyn Definition> {
    let name = word.strip_prefix("--")?;
    ALL.iter().copied().find(|flag| flag.name() == name || kebab(flag.name()) == name)
}

/// Declares each flag as a constant and lists all of them, so that none is forgotten.
macro_rules! flags {
    ($($name:ident: $kind:ty = $section:ident $spelled:literal { kind: $value:expr, short: $short:expr, help: $help:expr $(,)? })*) => {
        $(
            pub(crate) const $name: Flag<$kind> =
                Flag { name: $spelled, section: Section::$section, kind: $value, short: $short, help: $help };
        )*

        /// Every flag, in the order of `--help`.
        pub(crate) const ALL: &[&dyn Definition] = &[$(&$name),*];
    };
}

flags! {
    PORT: Number = Serving "port" {
        kind: Number::count(DEFAULT_PORT as usize).at_most(65_535),
        short: "Port to listen on",
        help: "Port to listen on; with 0 the system chooses one, and the start prints it",
    }
    HOST: Host = Serving "host" {
        kind: Host { default: DEFAULT_HOST },
        short: "Address to listen on",
        help: "Host name or address to listen on",
    }
    SERVER: Choice<Transports> = Serving "server" {
        kind: Choice {
            placeholder: "transport",
            choices: &[("sse", Transports::Sse), ("stream", Transports::Stream)],
            default: ("both", Transports::Both),
        },
        short: "Serve only one transport",
        help: "Serve only this transport",
    }
    ENDPOINT: Route = Serving "endpoint" {
        kind: Route { default: None },
        short: "Path of the only endpoint, with --server",
        help: "Path of the only endpoint if --server is given; --streamEndpoint and --sseEndpoint \
               override it",
    }
    STREAM_ENDPOINT: Route = Serving "streamEndpoint" {
        kind: Route { default: Some(DEFAULT_STREAM_ENDPOINT) },
        short: "Path of the Streamable HTTP endpoint",
        help: "Path of the Streamable HTTP endpoint; an empty path turns it off",
    }
    SSE_ENDPOINT: Route = Serving "sseEndpoint" {
        kind: Route { default: Some(DEFAULT_SSE_ENDPOINT) },
        short: "Path of the HTTP+SSE endpoint",
        help: "Path of the HTTP+SSE endpoint; an empty path turns it off",
    }
    MESSAGES_ENDPOINT: Text = Serving "messagesEndpoint" {
        kind: Text { placeholder: "path" },
        short: "Where HTTP+SSE clients post",
        help: "Where HTTP+SSE clients post: a path, or one relative to the path of their stream \
               (\"messages\"), which also works behind a path prefix. By default /messages if the \
               stream is at /sse, otherwise the path of the stream",
    }
    MODERN: Switch = Serving "modern" {
        kind: Switch { default: true },
        short: "Serve MCP revision 2026-07-28, too",
        help: "Serve MCP revision 2026-07-28 on the Streamable HTTP endpoint, beside the older \
               revisions",
    }

    CONFIG: Text = Config "config" {
        kind: Text { placeholder: "file" },
        short: "Serve all servers of a file, or of a client",
        help: "Serve all servers in this file, or those that a client on this machine uses: \
               claude-code, claude-desktop, vscode, cursor, windsurf, gemini, codex, zed, cline, \
               roo; CLIENT:FILE says which client a file belongs to",
    }
    STDIO: Switch = Config "stdio" {
        kind: Switch { default: false },
        short: "Serve --config over standard input and output",
        help: "Serve the servers of --config over standard input and output instead of HTTP",
    }
    INPUT: List = Config "input" {
        kind: List { placeholder: "id=value" },
        short: "Value for ${input:id} in the file (repeatable)",
        help: "Value for ${input:id} in the file; without it, the environment variable of that \
               name is used, then the terminal asks; repeatable",
    }
    CHECK_CONFIG: Switch = Config "checkConfig" {
        kind: Switch { default: false },
        short: "Check the file of --config and exit",
        help: "Read the file of --config, print what it says and what is wrong with it, and exit \
               with 0 or 1; nothing is started",
    }
    CONFIG_SCHEMA: Switch = Config "configSchema" {
        kind: Switch { default: false },
        short: "Print the JSON Schema of the settings and exit",
        help: "Print the JSON Schema of the \"mcp-proxy\" blocks in the file of --config, and exit",
    }
    NAMED_SERVER: Pairs = Config "namedServer" {
        kind: Pairs { placeholder: "name command" },
        short: "Serve a command under a name (repeatable)",
        help: "Serve this command at /servers/NAME, as --named-server of PyPI mcp-proxy; \
               repeatable",
    }
    NAMED_SERVER_CONFIG: Text = Config "namedServerConfig" {
        kind: Text { placeholder: "file" },
        short: "--config as PyPI mcp-proxy calls it",
        help: "The same as --config FILE, under the name that PyPI mcp-proxy gives it; a command \
               may be given, too, and is served under the name default",
    }

    UPSTREAM_PROTOCOL: Choice<UpstreamProtocol> = Upstream "upstreamProtocol" {
        kind: Choice {
            placeholder: "era",
            choices: &[
                ("legacy", UpstreamProtocol::Legacy),
                ("auto", UpstreamProtocol::Auto),
                ("modern", UpstreamProtocol::Modern),
            ],
            default: ("legacy", UpstreamProtocol::Legacy),
        },
        short: "Protocol spoken to the server",
        help: "Protocol spoken to the server: legacy (up to 2025-11-25), auto (2026-07-28 if the \
               server supports it) or modern (2026-07-28 only)",
    }
    SHELL: Switch = Upstream "shell" {
        kind: Switch { default: false },
        short: "Run the command in the system shell",
        help: "Join the words of the command with spaces, without quotes, and run them in the \
               system shell",
    }

    CWD: PathName = Upstream "cwd" {
        kind: PathName::Directory,
        short: "Working directory of the server",
        help: "Working directory of the server",
    }
    ENV: List = Upstream "env" {
        kind: List { placeholder: "name=value" },
        short: "Set a variable for the server (repeatable)",
        help: "Set an environment variable for the server, in addition to those it inherits; \
               repeatable",
    }
    ENV_FILE: PathName = Upstream "envFile" {
        kind: PathName::File,
        short: "Set variables for the server from a file",
        help: "Set the environment variables in this file (NAME=value lines) for the server; --env \
               overrides it",
    }
    INHERIT_ENV: Switch = Upstream "inheritEnv" {
        kind: Switch { default: true },
        short: "Pass the proxy's environment to the server",
        help: "Pass the proxy's own environment to the server",
    }
    ISOLATION: Choice<Isolation> = Upstream "isolation" {
        kind: Choice {
            placeholder: "scope",
            choices: &[
                ("shared", Isolation::Shared),
                ("session", Isolation::Session),
                ("identity", Isolation::Identity),
                ("request", Isolation::Request),
            ],
            default: ("shared", Isolation::Shared),
        },
        short: "Who shares a server",
        help: "One server for all clients, one for each session, one for each identity (with --auth or \
               --authTokens), or one for each stateless request",
    }
    MAX_CHILDREN: Number = Upstream "maxChildren" {
        kind: Number::count(DEFAULT_MAX_CHILDREN).at_least(1),
        short: "Most servers running at a time",
        help: "Most servers running at a time if they are not shared; further clients get 503",
    }
    PREWARM: Number = Upstream "prewarm" {
        kind: Number::count(0).at_most(1024),
        short: "Servers to start ahead of their clients",
        help: "Servers to start before their clients come, if they are not shared",
    }
    CHILD_IDLE_TIMEOUT: Number = Upstream "childIdleTimeout" {
        kind: Number::millis(Duration::ZERO),
        short: "Stop a session's server when it is idle",
        help: "Stop the server of a session that has not used it for this long; the next request \
               of the session starts another. 0 keeps it as long as the session",
    }
    RESTART: Choice<RestartWhen> = Upstream "restart" {
        kind: Choice {
            placeholder: "when",
            choices: &[
                ("on-failure", RestartWhen::OnFailure),
                ("always", RestartWhen::Always),
                ("never", RestartWhen::Never),
            ],
            default: ("on-failure", RestartWhen::OnFailure),
        },
        short: "When to restart the server",
        help: "When to restart the server: on-failure (any exit but 0), always or never",
    }
    MAX_RESTARTS: Number = Upstream "maxRestarts" {
        kind: Number::count(DEFAULT_MAX_RESTARTS as usize).at_most(1_000_000),
        short: "Failed restarts before giving up",
        help: "Failed restarts in a row after which the proxy stops restarting the server; 0 never \
               stops",
    }
    RETRY_INTERVAL: Number = Upstream "retryInterval" {
        kind: Number::millis(DEFAULT_RETRY_INTERVAL),
        short: "Time between attempts after --maxRestarts",
        help: "Time between further attempts to start the server after --maxRestarts; 0 or \
               --exitOnChildDeath turns them off",
    }
    EXIT_ON_CHILD_DEATH: Switch = Upstream "exitOnChildDeath" {
        kind: Switch { default: false },
        short: "Exit when the server exits",
        help: "Exit with code 1 when the server exits; the server is restarted only if --restart is \
               given, too",
    }
    LISTEN_EARLY: Switch = Upstream "listenEarly" {
        kind: Switch { default: false },
        short: "Open the port before the server is ready",
        help: "Open the port before the server is ready; until then clients get 503",
    }

    ALLOW_TOOL: List = Upstream "allowTool" {
        kind: List { placeholder: "name,..." },
        short: "Serve only these tools",
        help: "Serve only the tools with these names, in lists and for calls; * stands for any \
               text \
               (\"get_*\"); repeatable",
    }
    IGNORE_TOOL: List = Upstream "ignoreTool" {
        kind: List { placeholder: "name,..." },
        short: "Do not serve these tools",
        help: "Do not serve the tools with these names, in lists and for calls; * stands for any \
               text (\"delete*\"); repeatable; overrides --allowTool",
    }

    CONNECT: Text = Remote "connect" {
        kind: Text { placeholder: "url" },
        short: "Connect to the remote server at this URL",
        help: "Connect to the remote server at this URL, like a URL in place of the command: serves \
               stdio, or HTTP if --port is given",
    }
    TRANSPORT: Choice<RemoteTransport> = Remote "transport" {
        kind: Choice {
            placeholder: "transport",
            choices: &[
                ("auto", RemoteTransport::Auto),
                ("stream", RemoteTransport::Stream),
                ("sse", RemoteTransport::Sse),
            ],
            default: ("auto", RemoteTransport::Auto),
        },
        short: "Transport spoken to the remote server",
        help: "Transport spoken to the remote server: stream (Streamable HTTP), sse (HTTP+SSE), or \
               auto (the first that works)",
    }
    HEADER: List = Remote "header" {
        kind: List { placeholder: "name:value" },
        short: "Send a header to the remote server",
        help: "Send this header with every request to the remote server; repeatable",
    }
    HEADER_FILE: PathName = Remote "headerFile" {
        kind: PathName::File,
        short: "Send the headers in a file",
        help: "Send the headers in this file (Name: value lines) with every request, which keeps \
               them out of the process list; --header overrides it",
    }
    BEARER_TOKEN: Secret = Remote "bearerToken" {
        kind: Secret {
            placeholder: "token",
            advice: "Leave it out to send none.",
        },
        short: "Bearer token for the remote server",
        help: "Send this token as Authorization: Bearer; MCP_PROXY_BEARER_TOKEN keeps it out of the \
               process list",
    }
    BEARER_TOKEN_FILE: PathName = Remote "bearerTokenFile" {
        kind: PathName::File,
        short: "Read the bearer token from a file",
        help: "Read the bearer token from this file; --bearerToken overrides it",
    }
    OAUTH: Switch = Remote "oauth" {
        kind: Switch { default: true },
        short: "Sign in if the remote server asks for it",
        help: "Sign in if the remote server asks for it and no Authorization header is given",
    }
    HEADLESS: Switch = Remote "headless" {
        kind: Switch { default: false },
        short: "Print the sign-in URL, open no browser",
        help: "Print the sign-in URL on stderr and open no browser",
    }
    GRANT: Choice<OAuthGrant> = Remote "grant" {
        kind: Choice {
            placeholder: "type",
            choices: &[
                ("authorization-code", OAuthGrant::AuthorizationCode),
                ("client-credentials", OAuthGrant::ClientCredentials),
                ("jwt-bearer", OAuthGrant::JwtBearer),
                ("device-code", OAuthGrant::DeviceCode),
            ],
            default: ("authorization-code", OAuthGrant::AuthorizationCode),
        },
        short: "How to sign in",
        help: "How to sign in: a person in a browser (authorization-code), the client itself \
               (client-credentials: --clientId and --clientSecret or --clientKey), with a JWT \
               (jwt-bearer: --clientId and --assertion), or a person with a browser on another \
               device (device-code)",
    }
    CLIENT_ID: Text = Remote "clientId" {
        kind: Text { placeholder: "id" },
        short: "OAuth client id",
        help: "OAuth client id; without it, the proxy registers a client",
    }
    CLIENT_SECRET: Secret = Remote "clientSecret" {
        kind: Secret {
            placeholder: "secret",
            advice: "Leave it out for a client that has none.",
        },
        short: "OAuth client secret",
        help: "OAuth client secret; MCP_PROXY_CLIENT_SECRET keeps it out of the process list",
    }
    CLIENT_KEY: PathName = Remote "clientKey" {
        kind: PathName::File,
        short: "Private key of the OAuth client",
        help: "File with the private key (PEM, PKCS #8) that the OAuth client signs with, in place \
               of a secret",
    }
    ASSERTION: PathName = Remote "assertion" {
        kind: PathName::File,
        short: "File with the JWT to sign in with",
        help: "File with the JWT to sign in with, read again for each token: that of a workload, or \
               an ID token if --idpTokenEndpoint is given",
    }
    IDP_TOKEN_ENDPOINT: Text = Remote "idpTokenEndpoint" {
        kind: Text { placeholder: "url" },
        short: "Token endpoint of your identity provider",
        help: "Token endpoint of your organisation's identity provider, which exchanges the ID \
               token for a JWT that the server's authorization server accepts; requires \
               --idpClientId",
    }
    IDP_CLIENT_ID: Text = Remote "idpClientId" {
        kind: Text { placeholder: "id" },
        short: "Client id at the identity provider",
        help: "Client id of the proxy at the identity provider",
    }
    SCOPE: Text = Remote "scope" {
        kind: Text { placeholder: "scopes" },
        short: "OAuth scopes to ask for",
        help: "OAuth scopes to ask for, separated by spaces, in place of those that the server \
               names",
    }
    ISSUER: Text = Remote "issuer" {
        kind: Text { placeholder: "url" },
        short: "The only authorization server to ask",
        help: "Use only this authorization server; by default the first one that gets a secret is \
               remembered",
    }
    RESOURCE: Text = Remote "resource" {
        kind: Text { placeholder: "uri" },
        short: "Resource to ask tokens for, or none",
        help: "Ask for tokens for this resource instead of the one in the server's metadata; \
               \"none\" sends no resource",
    }
    AUTHORIZE_PARAM: List = Remote "authorizeParam" {
        kind: List { placeholder: "name=value" },
        short: "Add a parameter to the sign-in URL",
        help: "Add this parameter to the sign-in URL; repeatable",
    }
    ASSUME_PKCE: Switch = Remote "assumePkce" {
        kind: Switch { default: false },
        short: "Sign in where PKCE is not announced",
        help: "Sign in at an authorization server that does not say that it supports PKCE, such as \
               Entra ID and Cognito",
    }
    USE_ID_TOKEN: Switch = Remote "useIdToken" {
        kind: Switch { default: false },
        short: "Send the ID token, not the access token",
        help: "Send the ID token that comes with an access token instead of the access token",
    }
    SIGN_IN: Switch = Remote "signIn" {
        kind: Switch { default: false },
        short: "Sign in to the server and exit",
        help: "Sign in to the server and exit; if the browser runs elsewhere, paste the URL at which it \
               ends",
    }
    SIGN_OUT: Switch = Remote "signOut" {
        kind: Switch { default: false },
        short: "Forget the sign-in and exit",
        help: "Forget the sign-in to the server and exit; without a URL, forget all of them",
    }
    CALLBACK_HOST: Choice<CallbackHost> = Remote "callbackHost" {
        kind: Choice {
            placeholder: "name",
            choices: &[
                ("127.0.0.1", CallbackHost::Ipv4),
                ("localhost", CallbackHost::Localhost),
                ("[::1]", CallbackHost::Ipv6),
            ],
            default: ("127.0.0.1", CallbackHost::Ipv4),
        },
        short: "Local host name in the redirect URI",
        help: "Name of this machine in the URL that the browser returns to; connections are \
               accepted on loopback only",
    }
    CALLBACK_PATH: Route = Remote "callbackPath" {
        kind: Route { default: Some("/callback") },
        short: "Path of the redirect URI",
        help: "Path of the URL that the browser returns to",
    }
    CALLBACK_PORT: Number = Remote "callbackPort" {
        kind: Number::count(0).at_most(65_535),
        short: "Local port the browser returns to",
        help: "Port on this machine that the browser returns to after the sign-in; with 0 the \
               system chooses one",
    }
    TOKEN_DIR: PathName = Remote "tokenDir" {
        kind: PathName::Directory,
        short: "Directory for tokens",
        help: "Directory for tokens and their key, in place of the system directories for state and \
               settings",
    }
    TOKEN_STORE: Choice<TokenStore> = Remote "tokenStore" {
        kind: Choice {
            placeholder: "store",
            choices: &[
                ("auto", TokenStore::Auto),
                ("keyring", TokenStore::Keyring),
                ("file", TokenStore::File),
            ],
            default: ("auto", TokenStore::Auto),
        },
        short: "Where the key to the tokens is kept",
        help: "Where the key to the tokens is kept: in the system's keyring, in a file, or auto (in \
               a file only if no keyring can be used)",
    }
    CA_CERT: PathName = Remote "caCert" {
        kind: PathName::File,
        short: "Trust these certificate authorities, too",
        help: "Trust the certificate authorities in this file (PEM) in addition to those of the \
               system",
    }
    INSECURE: Switch = Remote "insecure" {
        kind: Switch { default: false },
        short: "Accept any certificate",
        help: "Accept any certificate of the remote server; anybody in between can read everything",
    }
    PROXY: Text = Remote "proxy" {
        kind: Text { placeholder: "url" },
        short: "Proxy on the way to the remote server",
        help: "HTTP or SOCKS proxy on the way to the remote server; overrides HTTPS_PROXY, \
               HTTP_PROXY, ALL_PROXY and NO_PROXY",
    }

    API_KEY: Secret = Security "apiKey" {
        kind: Secret {
            placeholder: "key",
            advice: "Leave it out to serve without authentication.",
        },
        short: "Key that requests must carry in X-API-Key",
        help: "Refuse requests without this key in X-API-Key; MCP_PROXY_API_KEY keeps it out of the \
               process list",
    }
    AUTH: List = Security "auth" {
        kind: List { placeholder: "issuer" },
        short: "Require access tokens of this OAuth issuer",
        help: "Refuse requests without an access token of this OAuth issuer (its URL); clients learn \
               where to sign in. Repeatable; --apiKey and --authTokens let clients in, too",
    }
    PUBLIC_URL: Text = Security "publicUrl" {
        kind: Text { placeholder: "url" },
        short: "URL that clients reach the proxy at",
        help: "URL that clients reach the proxy at: scheme, host, and a path if there is one in front \
               of the endpoint's. Access tokens must be issued for this URL plus the endpoint's \
               path",
    }
    AUTH_AUDIENCE: List = Security "authAudience" {
        kind: List { placeholder: "audience" },
        short: "Audience that tokens must name",
        help: "Audience that access tokens must name, in place of the endpoint's URL; repeatable, \
               one of them is enough",
    }
    AUTH_SCOPES: Text = Security "authScopes" {
        kind: Text { placeholder: "scopes" },
        short: "Scopes that every request needs",
        help: "Scopes that every request needs, separated by spaces",
    }
    AUTH_PRESET: Choice<AuthPreset> = Security "authPreset" {
        kind: Choice {
            placeholder: "provider",
            choices: &[
                ("standard", AuthPreset::Standard),
                ("entra", AuthPreset::Entra),
                ("auth0", AuthPreset::Auth0),
                ("okta", AuthPreset::Okta),
                ("keycloak", AuthPreset::Keycloak),
                ("cognito", AuthPreset::Cognito),
                ("authentik", AuthPreset::Authentik),
                ("google", AuthPreset::Google),
            ],
            default: ("standard", AuthPreset::Standard),
        },
        short: "Provider that issues the tokens",
        help: "Provider that issues the access tokens, if it deviates from the standards",
    }
    AUTH_JWKS: Text = Security "authJwks" {
        kind: Text { placeholder: "place" },
        short: "Keys of the issuer, without discovery",
        help: "URL or file of the issuer's keys (JWKS), in place of those that the issuer names",
    }
    AUTH_INTROSPECT: Secret = Security "authIntrospect" {
        kind: Secret {
            placeholder: "url",
            advice: "Leave it out to accept no opaque tokens.",
        },
        short: "Where to ask about opaque tokens",
        help: "URL at which the issuer says whether an opaque token is valid (RFC 7662), with the \
               client's id and secret: https://id:secret@host/path; MCP_PROXY_AUTH_INTROSPECT keeps it \
               out of the process list",
    }
    AUTH_TOKENS: PathName = Security "authTokens" {
        kind: PathName::File,
        short: "Accept the tokens and keys in this file",
        help: "Accept the static tokens and API keys that this file (JSON) lists by their hashes; it \
               is read again when it changes",
    }
    AUTH_MIRROR: Switch = Security "authMirror" {
        kind: Switch { default: false },
        short: "Serve the issuer's metadata here, too",
        help: "Serve the metadata of the first --auth at /.well-known/oauth-authorization-server, where \
               clients of the revision 2025-03-26 look for it",
    }
    FORWARD_IDENTITY: Switch = Security "forwardIdentity" {
        kind: Switch { default: false },
        short: "Tell the server who calls",
        help: "Tell the server who calls: issuer, subject, scopes and claims in \
               _meta[\"io.github.mcp-proxy/identity\"] of every request",
    }
    NEW_TOKEN: Text = Security "newToken" {
        kind: Text { placeholder: "name" },
        short: "Make a static token of this name and exit",
        help: "Make a static token of this name with the scopes of --authScopes, add its hash to the \
               file of --authTokens, print it and exit",
    }
    TOKEN_EXPIRES: Text = Security "tokenExpires" {
        kind: Text { placeholder: "time" },
        short: "When the token of --newToken expires",
        help: "When the token of --newToken expires: 2030-12-31, 2030-12-31T23:59:59Z, or a time from \
               now (90d, 12h, 30min). Without it, the token does not expire"
    }
    REQUIRE_AUTH: Switch = Security "requireAuth" {
        kind: Switch { default: false },
        short: "Refuse to start without authentication",
        help: "Refuse to listen beyond this machine without authentication, instead of only \
               logging a warning",
    }
    ALLOWED_HOSTS: List = Security "allowedHosts" {
        kind: List { placeholder: "host,..." },
        short: "Host names that web pages may use",
        help: "Host names that web pages may use to reach the proxy over loopback (protection \
               against DNS rebinding), in addition to the loopback names; repeatable; * turns the \
               check off",
    }
    TRUST_PROXY: List = Security "trustProxy" {
        kind: List { placeholder: "network,..." },
        short: "Reverse proxies to trust",
        help: "Networks of the reverse proxies in front, such as 10.0.0.0/8, loopback or private, \
               whose X-Forwarded-Prefix, -Host, -Proto and -For headers are trusted; repeatable",
    }
    CORS_ADD_ALLOWED_HEADER: List = Security "corsAddAllowedHeader" {
        kind: List { placeholder: "name" },
        short: "Allow one more CORS request header",
        help: "Add a name to Access-Control-Allow-Headers, after the default ones; repeatable",
    }
    SSL_CERT: PathName = Security "sslCert" {
        kind: PathName::File,
        short: "Serve HTTPS with this certificate",
        help: "Serve HTTPS with this certificate chain (PEM)",
    }
    SSL_KEY: PathName = Security "sslKey" {
        kind: PathName::File,
        short: "Private key of the certificate",
        help: "Private key of the certificate (PEM)",
    }
    SSL_CA: PathName = Security "sslCa" {
        kind: PathName::File,
        short: "Authorities to send with the certificate",
        help: "Certificates of authorities to send with the chain (PEM)",
    }
    SSL_CLIENT_CA: PathName = Security "sslClientCa" {
        kind: PathName::File,
        short: "Require client certificates of these authorities",
        help: "Serve only clients with a certificate of these authorities (PEM); with --auth or \
               --apiKey, clients need both",
    }

    STATELESS: Switch = Sessions "stateless" {
        kind: Switch { default: false },
        short: "Serve each request on its own",
        help: "Serve each request of the Streamable HTTP endpoint on its own, without sessions",
    }
    JSON_RESPONSE: Switch = Sessions "jsonResponse" {
        kind: Switch { default: false },
        short: "Answer with JSON, not with event streams",
        help: "Answer calls with plain JSON instead of event streams; messages that the server \
               sends during a call go to the session's GET stream",
    }
    SESSION_IDLE_TIMEOUT: Number = Sessions "sessionIdleTimeout" {
        kind: Number::millis(DEFAULT_SESSION_IDLE_TIMEOUT)
            .or_else("Use --sessionIdleTimeout 0 to keep sessions until their client sends DELETE instead."),
        short: "Close idle sessions after this time",
        help: "Close a session this long after its last stream and request; 0 keeps it until the \
               client deletes it",
    }
    EVENT_STORE: Switch = Sessions "eventStore" {
        kind: Switch { default: true },
        short: "Keep events for clients that reconnect",
        help: "Keep events so that a client that reconnects gets what it missed",
    }
    EVENT_STORE_MAX_EVENTS: Number = Sessions "eventStoreMaxEvents" {
        kind: Number::count(DEFAULT_EVENT_STORE_MAX_EVENTS)
            .at_least(1)
            .or_else("Use --no-eventStore to disable the event store instead."),
        short: "Most events kept for a session",
        help: "Most events kept for a session; the oldest are dropped first",
    }
    EVENT_STORE_MAX_BYTES: Number = Sessions "eventStoreMaxBytes" {
        kind: Number::bytes(DEFAULT_EVENT_STORE_MAX_BYTES)
            .at_least(1)
            .or_else("Use --no-eventStore to disable the event store instead."),
        short: "Most bytes of events kept for a session",
        help: "Most bytes of events kept for a session; the oldest events are dropped first, the \
               newest is always kept",
    }

    PEERS: List = Replicas "peers" {
        kind: List { placeholder: "host:port,..." },
        short: "Peer ports of the other replicas",
        help: "Peer ports of the other replicas, so that any of them serves any session; a name \
               stands for all its addresses, this replica's own included; repeatable; requires \
               --peerSecret or --peerSecretFile",
    }
    PEER_PORT: Number = Replicas "peerPort" {
        kind: Number::count(DEFAULT_PEER_PORT as usize).at_most(65_535),
        short: "Port for the other replicas",
        help: "Port for requests from the other replicas; with 0 the system chooses one. Without \
               --peers, this replica waits until others connect to it",
    }
    PEER_HOST: Text = Replicas "peerHost" {
        kind: Text { placeholder: "host" },
        short: "Address of the peer port",
        help: "Host name or address to listen on for the other replicas, if it is not that of --host",
    }
    PEER_ADDRESS: Text = Replicas "peerAddress" {
        kind: Text { placeholder: "host:port" },
        short: "Where the others reach this replica",
        help: "Where the other replicas reach this one, if it differs from the address of its \
               connections to them",
    }
    PEER_SECRET: Secret = Replicas "peerSecret" {
        kind: Secret {
            placeholder: "secret",
            advice: "All replicas need the same one, of at least 16 bytes.",
        },
        short: "Secret that all replicas share",
        help: "Secret that all replicas share, of at least 16 bytes; it is never sent. \
               MCP_PROXY_PEER_SECRET keeps it out of the process list",
    }
    PEER_SECRET_FILE: PathName = Replicas "peerSecretFile" {
        kind: PathName::File,
        short: "Read the peer secret from a file",
        help: "Read the peer secret from this file, one on each line: the first one signs, all of \
               them verify; --peerSecret overrides it",
    }

    STORE: Secret = Replicas "store" {
        kind: Secret {
            placeholder: "url",
            advice: "Leave it out to keep sessions in this process only.",
        },
        short: "Keep sessions in Redis or Valkey",
        help: "Keep sessions in this Redis (6.2 or later) or Valkey (7 or later), so that another \
               replica continues them if theirs is lost: redis://, rediss://, redis+unix://, \
               redis+sentinel:// or redis+cluster://; MCP_PROXY_STORE keeps a password out of the \
               process list",
    }
    STORE_FILE: PathName = Replicas "storeFile" {
        kind: PathName::File,
        short: "Read the URL of the store from a file",
        help: "Read the URL of the store from this file; --store overrides it",
    }
    STORE_PREFIX: Text = Replicas "storePrefix" {
        kind: Text { placeholder: "text" },
        short: "Prefix of the keys in the store",
        help: "Prefix of the names of all keys in the store [default: mcp-proxy]",
    }
    STORE_CA: PathName = Replicas "storeCa" {
        kind: PathName::File,
        short: "Trust these authorities for the store",
        help: "Trust the certificate authorities in this file (PEM) for the store, in place of those \
               of the system",
    }
    STORE_DURABILITY: Choice<Durability> = Replicas "storeDurability" {
        kind: Choice {
            placeholder: "when",
            choices: &[("async", Durability::Async), ("sync", Durability::Sync)],
            default: ("async", Durability::Async),
        },
        short: "Whether calls wait for the store",
        help: "async: nothing waits for the store. sync: a call is sent to its server, and a \
               session to its client, only after the store has it (they wait 2 seconds at most, \
               and not while the store is unreachable)",
    }

    MAX_BODY_SIZE: Number = Limits "maxBodySize" {
        kind: Number::bytes(DEFAULT_MAX_BODY_SIZE)
            .or_else("Use --maxBodySize 0 to disable the limit instead."),
        short: "Largest request body",
        help: "Largest request body; larger ones get 413. 0 turns the limit off",
    }
    MAX_SESSIONS: Number = Limits "maxSessions" {
        kind: Number::count(DEFAULT_MAX_SESSIONS).at_least(1),
        short: "Most sessions at a time",
        help: "Most sessions at a time, of both transports together; further clients get 503",
    }
    MAX_CONNECTIONS: Number = Limits "maxConnections" {
        kind: Number::count(DEFAULT_MAX_CONNECTIONS),
        short: "Most HTTP connections at a time",
        help: "Most HTTP connections at a time; further ones get 503. 0 turns the limit off",
    }
    MAX_CONNECTIONS_PER_IP: Number = Limits "maxConnectionsPerIp" {
        kind: Number::count(0),
        short: "Most connections of one address",
        help: "Most HTTP connections of one address at a time; 0 sets no limit",
    }
    MAX_CONNECTION_REQUESTS: Number = Limits "maxConnectionRequests" {
        kind: Number::count(0),
        short: "Most requests on one connection",
        help: "Requests after which an HTTP connection is closed; 0 sets no limit",
    }
    RATE_LIMIT: Number = Limits "rateLimit" {
        kind: Number::count(0).at_most(1_000_000),
        short: "Most requests of one address per second",
        help: "Most HTTP requests of one address per second, in bursts of up to ten seconds' worth; \
               further requests get 429. 0 sets no limit",
    }
    MAX_BUFFERED: Number = Limits "maxBuffered" {
        kind: Number::bytes(DEFAULT_MAX_BUFFERED),
        short: "Largest backlog of all clients, in bytes",
        help: "Most bytes that wait for all clients together; beyond it, the slowest clients are \
               disconnected; 0 turns the limit off",
    }
    MAX_IN_FLIGHT: Number = Limits "maxInFlight" {
        kind: Number::count(DEFAULT_MAX_IN_FLIGHT),
        short: "Most calls of a session at a time",
        help: "Most calls of a session at a time; further calls get 429. 0 turns the limit off",
    }
    MAX_LINE_SIZE: Number = Limits "maxLineSize" {
        kind: Number::bytes(DEFAULT_MAX_LINE_SIZE).at_least(1),
        short: "Largest message from the server",
        help: "Largest message from the server; a server that writes a larger one is stopped",
    }
    THREADS: Number = Limits "threads" {
        kind: Number::count(DEFAULT_THREADS).at_least(1).at_most(1024),
        short: "Worker threads",
        help: "Worker threads; more than one pays off with heavy TLS",
    }

    CONNECTION_TIMEOUT: Number = Timeouts "connectionTimeout" {
        kind: Number::millis(DEFAULT_CONNECTION_TIMEOUT).at_least(1),
        short: "Time limit for the handshake",
        help: "Time that the server has to answer the handshake",
    }
    REQUEST_TIMEOUT: Number = Timeouts "requestTimeout" {
        kind: Number::millis(DEFAULT_REQUEST_TIMEOUT),
        short: "Time limit for a silent call",
        help: "Time that a call may take without an answer or progress; 0 turns the limit off",
    }
    HEADER_TIMEOUT: Number = Timeouts "headerTimeout" {
        kind: Number::millis(DEFAULT_HEADER_TIMEOUT).at_least(1),
        short: "Time limit for a request head",
        help: "Time that the head of an HTTP request may take to arrive; then the answer is 408",
    }
    BODY_TIMEOUT: Number = Timeouts "bodyTimeout" {
        kind: Number::millis(DEFAULT_BODY_TIMEOUT).at_least(1),
        short: "Time limit for a request body",
        help: "Time that the body of an HTTP request may take to arrive; then the answer is 408",
    }
    MAX_CONNECTION_AGE: Number = Timeouts "maxConnectionAge" {
        kind: Number::millis(Duration::ZERO),
        short: "Time after which a connection is closed",
        help: "Time after which an HTTP connection is closed, once its request is answered; 0 sets \
               no limit",
    }
    WRITE_TIMEOUT: Number = Timeouts "writeTimeout" {
        kind: Number::millis(DEFAULT_WRITE_TIMEOUT),
        short: "Time limit for a client that reads nothing",
        help: "Time that a client may leave an answer unread; then its connection is closed; where \
               --keepAliveTimeout is shorter, the default is that, but at least 10 s; 0 turns the \
               limit off",
    }
    MAX_REQUEST_TIME: Number = Timeouts "maxRequestTime" {
        kind: Number::millis(Duration::ZERO),
        short: "Time limit for any call",
        help: "Time that a call may take, with or without progress; 0 sets no limit",
    }
    RESTART_WAIT: Number = Timeouts "restartWait" {
        kind: Number::millis(DEFAULT_RESTART_WAIT),
        short: "How long calls wait for a restart",
        help: "Time that a call waits for a server that is being restarted; then the call fails",
    }
    PING_INTERVAL: Number = Timeouts "pingInterval" {
        kind: Number::millis(Duration::ZERO),
        short: "Ping the server this often",
        help: "Ping the server this often, and restart it if it does not answer; a remote server is \
               pinged while its session is idle, which keeps it alive; 0 sends no pings",
    }
    PING_TIMEOUT: Number = Timeouts "pingTimeout" {
        kind: Number::millis(DEFAULT_PING_TIMEOUT).at_least(1),
        short: "Time limit for a ping",
        help: "Time that the server has to answer a ping",
    }
    KEEP_ALIVE_TIMEOUT: Number = Timeouts "keepAliveTimeout" {
        kind: Number::millis(DEFAULT_KEEP_ALIVE_TIMEOUT),
        short: "How long idle connections stay open",
        help: "Time that an HTTP connection stays open for another request; 0 keeps it open",
    }
    GRACEFUL_SHUTDOWN_TIMEOUT: Number = Timeouts "gracefulShutdownTimeout" {
        kind: Number::millis(DEFAULT_GRACEFUL_SHUTDOWN_TIMEOUT),
        short: "Time limit for a shutdown",
        help: "Time that a shutdown may take; then what is left is cut off and the exit code is 1",
    }

    TUNNEL: Switch = Tunnel "tunnel" {
        kind: Switch { default: false },
        short: "Give the proxy a public URL",
        help: "Give the proxy a public URL through the tunnel server",
    }
    TUNNEL_HOST: Text = Tunnel "tunnelHost" {
        kind: Text { placeholder: "url" },
        short: "Tunnel server to use",
        help: "Tunnel server to use, for example a pipenet server of your own [default: \
               https://tunnel.gla.ma]",
    }
    TUNNEL_SUBDOMAIN: Text = Tunnel "tunnelSubdomain" {
        kind: Text { placeholder: "name" },
        short: "Subdomain to ask for",
        help: "Subdomain to ask for; if it is taken, the tunnel server assigns another",
    }

    CALL: Call = Calling "call" {
        kind: Call,
        short: "Call a tool of the server and exit",
        help: "Call this tool of the server with the key=value words that follow, print the result and \
               exit; key:=json takes the value as it is",
    }
    LIST: Switch = Calling "list" {
        kind: Switch { default: false },
        short: "List what the server has and exit",
        help: "List the tools, prompts and resources of the server and exit",
    }
    READ: Text = Calling "read" {
        kind: Text { placeholder: "uri" },
        short: "Read a resource of the server and exit",
        help: "Read this resource of the server, print it and exit",
    }
    DOCTOR: Switch = Calling "doctor" {
        kind: Switch { default: false },
        short: "Examine the server and exit",
        help: "Examine the server stage by stage, print what is wrong with it and what to do, and exit",
    }
    JSON: Switch = Calling "json" {
        kind: Switch { default: false },
        short: "Print the answer as JSON",
        help: "Print the answer to --call, --list and --read, or the report of --doctor, as one JSON document",
    }

    DEBUG: Switch = Diagnostics "debug" {
        kind: Switch { default: false },
        short: "Show messages on stderr",
        help: "Show all messages on stderr, and what the proxy does",
    }
    LOG_LEVEL: Choice<Level> = Diagnostics "logLevel" {
        kind: Choice {
            placeholder: "level",
            choices: Level::CHOICES,
            default: ("warn", Level::Warn),
        },
        short: "Least serious events to log",
        help: "Least serious events to log on stderr; RUST_LOG sets it for each part of the proxy",
    }
    LOG_FORMAT: Choice<Format> = Diagnostics "logFormat" {
        kind: Choice {
            placeholder: "format",
            choices: Format::CHOICES,
            default: ("text", Format::Text),
        },
        short: "Format of the log",
        help: "Format of the log on stderr: text, or one JSON object per line (the lines of the \
               server included)",
    }
    INSPECT: Switch = Diagnostics "inspect" {
        kind: Switch { default: false },
        short: "Show live traffic in a browser",
        help: "Show live traffic on a separate page; the start prints its URL, which only works \
               on this machine (docs/inspecting.md)",
    }
    INSPECT_PORT: Port = Diagnostics "inspectPort" {
        kind: Port,
        short: "Port of the inspection page",
        help: "Port of the inspection page on 127.0.0.1; the system chooses one by default. Turns \
               --inspect on",
    }
    INSPECT_RAW: Switch = Diagnostics "inspectRaw" {
        kind: Switch { default: false },
        short: "Show secrets on the inspection page",
        help: "Show keys, tokens and passwords on the inspection page, which hides them otherwise",
    }
    RECORD: PathName = Diagnostics "record" {
        kind: PathName::File,
        short: "Record all messages in this file",
        help: "Record in this file every message that passes, without the secrets that it \
               recognises (docs/recording.md)",
    }
    RECORD_MAX_SIZE: Number = Diagnostics "recordMaxSize" {
        kind: Number::bytes(DEFAULT_RECORD_MAX_SIZE).at_least(1024),
        short: "Start another part at this size",
        help: "Size at which a recording starts another part; full parts are FILE.1 (the newest), \
               FILE.2 and so on",
    }
    RECORD_MAX_FILES: Number = Diagnostics "recordMaxFiles" {
        kind: Number::count(DEFAULT_RECORD_MAX_FILES).at_least(1),
        short: "Most parts of a recording",
        help: "Parts of a recording to keep; the oldest is deleted first",
    }
    REPLAY: PathName = Diagnostics "replay" {
        kind: PathName::File,
        short: "Serve a recording",
        help: "Serve this recording in place of a server: each request gets its recorded answer; \
               with --stdio, over standard input and output",
    }
    REPLAY_SPEED: Number = Diagnostics "replaySpeed" {
        kind: Number::count(1),
        short: "How many times faster to replay",
        help: "How many times faster than recorded to replay; 0 makes no pauses",
    }
    VERIFY: PathName = Diagnostics "verify" {
        kind: PathName::File,
        short: "Compare a server with a recording",
        help: "Make the calls of this recording again and print which answers differ; exits with 1 \
               if any do",
    }
    VERIFY_REPORT: Choice<Form> = Diagnostics "verifyReport" {
        kind: Choice {
            placeholder: "form",
            choices: &[("text", Form::Text), ("tap", Form::Tap), ("junit", Form::Junit)],
            default: ("text", Form::Text),
        },
        short: "Format of the report of --verify",
        help: "Format of the report of --verify",
    }
    MAY_DIFFER: List = Diagnostics "mayDiffer" {
        kind: List { placeholder: "path" },
        short: "Value that may differ from the recording",
        help: "Value that may differ from the recording, for --replay and --verify: a name, a \
               path (/result/content/*/text, $.params.arguments.date), @timestamp, @uuid or \
               @number; repeatable",
    }
    REDACT: List = Diagnostics "redact" {
        kind: List { placeholder: "path" },
        short: "Also hide this value",
        help: "Also hide the value of this name (ssn) or path (/params/arguments/pin, \
               $.result.content.*.text) in recordings and on the inspection page; repeatable",
    }
    METRICS_PORT: Port = Diagnostics "metricsPort" {
        kind: Port,
        short: "Serve metrics and health on this port",
        help: "Serve Prometheus metrics (/metrics) and health on a separate port",
    }
    METRICS_HOST: Host = Diagnostics "metricsHost" {
        kind: Host { default: DEFAULT_METRICS_HOST },
        short: "Address of the metrics port",
        help: "Host name or address of the metrics port",
    }
    METRICS: Switch = Diagnostics "metrics" {
        kind: Switch { default: false },
        short: "Serve /metrics on the client port",
        help: "Serve /metrics on the client port (requires --apiKey, --auth or --authTokens)",
    }
    TRACE_CONTEXT: Switch = Diagnostics "traceContext" {
        kind: Switch { default: false },
        short: "Pass trace context to the server",
        help: "Copy traceparent, tracestate and baggage of HTTP requests into the _meta of messages \
               that have none",
    }
}
