//! The table of flags: one entry each, in the order of `--help`.
//!
//! An entry is everything there is to say about a flag. Both spellings, the variable, `--no-x`, the
//! line in `--help` and the suggestion for a typing error follow from it; what the value means for
//! the proxy is said once more, in `options`.

use std::time::Duration;

use mcp_proxy_core::config::{
    DEFAULT_BODY_TIMEOUT, DEFAULT_CONNECTION_TIMEOUT, DEFAULT_EVENT_STORE_MAX_BYTES,
    DEFAULT_EVENT_STORE_MAX_EVENTS, DEFAULT_GRACEFUL_SHUTDOWN_TIMEOUT, DEFAULT_HEADER_TIMEOUT,
    DEFAULT_HOST, DEFAULT_KEEP_ALIVE_TIMEOUT, DEFAULT_MAX_BODY_SIZE, DEFAULT_MAX_CHILDREN,
    DEFAULT_MAX_CONNECTIONS, DEFAULT_MAX_IN_FLIGHT, DEFAULT_MAX_LINE_SIZE, DEFAULT_MAX_RESTARTS,
    DEFAULT_MAX_SESSIONS, DEFAULT_METRICS_HOST, DEFAULT_PING_TIMEOUT, DEFAULT_PORT,
    DEFAULT_REQUEST_TIMEOUT, DEFAULT_RESTART_WAIT, DEFAULT_SESSION_IDLE_TIMEOUT,
    DEFAULT_SSE_ENDPOINT, DEFAULT_STREAM_ENDPOINT, Isolation, OAuthGrant, RemoteTransport,
    RestartWhen, TokenStore, UpstreamProtocol,
};

use crate::args::{
    flag::{Definition, Flag, Section, kebab},
    kinds::{Choice, Host, List, Number, PathName, Port, Route, Secret, Switch, Text},
};
use crate::telemetry::{Format, Level};

/// Which of the two 2025-era transports are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transports {
    Both,
    Sse,
    Stream,
}

/// Worker threads of the runtime: one carries a single child's pipe better than several do.
pub(crate) const DEFAULT_THREADS: usize = 1;

/// The flag that a word names, in either spelling, if the name is the whole word.
pub(crate) fn named(word: &str) -> Option<&'static dyn Definition> {
    let name = word.strip_prefix("--")?;
    ALL.iter().copied().find(|flag| flag.name() == name || kebab(flag.name()) == name)
}

/// Declares each flag as a constant and lists all of them, so that none can be left out.
macro_rules! flags {
    ($($name:ident: $kind:ty = $section:ident $spelled:literal { kind: $value:expr, help: $help:expr $(,)? })*) => {
        $(
            pub(crate) const $name: Flag<$kind> =
                Flag { name: $spelled, section: Section::$section, kind: $value, help: $help };
        )*

        /// Every flag, in the order of `--help`.
        pub(crate) const ALL: &[&dyn Definition] = &[$(&$name),*];
    };
}

flags! {
    PORT: Number = Serving "port" {
        kind: Number::count(DEFAULT_PORT as usize).at_most(65_535),
        help: "Port to listen on; 0 lets the system choose one, which is then printed",
    }
    HOST: Host = Serving "host" {
        kind: Host { default: DEFAULT_HOST },
        help: "Host name or address to listen on",
    }
    SERVER: Choice<Transports> = Serving "server" {
        kind: Choice {
            placeholder: "transport",
            choices: &[("sse", Transports::Sse), ("stream", Transports::Stream)],
            default: ("both", Transports::Both),
        },
        help: "Serve only this transport",
    }
    ENDPOINT: Route = Serving "endpoint" {
        kind: Route { default: None },
        help: "Path of the only endpoint when --server is given; --streamEndpoint and --sseEndpoint win",
    }
    STREAM_ENDPOINT: Route = Serving "streamEndpoint" {
        kind: Route { default: Some(DEFAULT_STREAM_ENDPOINT) },
        help: "Path of the Streamable HTTP endpoint; an empty one turns it off",
    }
    SSE_ENDPOINT: Route = Serving "sseEndpoint" {
        kind: Route { default: Some(DEFAULT_SSE_ENDPOINT) },
        help: "Path of the HTTP+SSE endpoint; an empty one turns it off",
    }
    MODERN: Switch = Serving "modern" {
        kind: Switch { default: true },
        help: "Serve MCP revision 2026-07-28 on the Streamable HTTP endpoint beside the 2025-era ones",
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
        help: "Spoken to the server: the 2025-era handshake, 2026-07-28 if it answers to that, or only that",
    }
    SHELL: Switch = Upstream "shell" {
        kind: Switch { default: false },
        help: "Join the words of the command with spaces, unquoted, and let the system shell run them",
    }

    CWD: PathName = Upstream "cwd" {
        kind: PathName::Directory,
        help: "Working directory of the server",
    }
    ENV: List = Upstream "env" {
        kind: List { placeholder: "name=value" },
        help: "Set a variable for the server, on top of what it inherits; repeatable",
    }
    ENV_FILE: PathName = Upstream "envFile" {
        kind: PathName::File,
        help: "Set the variables in this file (NAME=value lines) for the server; --env wins",
    }
    INHERIT_ENV: Switch = Upstream "inheritEnv" {
        kind: Switch { default: true },
        help: "Hand the proxy's own environment down to the server",
    }
    ISOLATION: Choice<Isolation> = Upstream "isolation" {
        kind: Choice {
            placeholder: "scope",
            choices: &[
                ("shared", Isolation::Shared),
                ("session", Isolation::Session),
                ("request", Isolation::Request),
            ],
            default: ("shared", Isolation::Shared),
        },
        help: "One server for all clients, one for each session, or one for each stateless request",
    }
    MAX_CHILDREN: Number = Upstream "maxChildren" {
        kind: Number::count(DEFAULT_MAX_CHILDREN).at_least(1),
        help: "Servers at a time when they are not shared; a client too many gets 503",
    }
    PREWARM: Number = Upstream "prewarm" {
        kind: Number::count(0).at_most(1024),
        help: "Servers started ahead of the clients that will have them, when they are not shared",
    }
    CHILD_IDLE_TIMEOUT: Number = Upstream "childIdleTimeout" {
        kind: Number::millis(Duration::ZERO),
        help: "Stop a server that is not shared when its session has not used it for so long; the \
               session's next request starts another; 0 keeps it as long as the session",
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
        help: "Start a server that has ended again: unless it exited with code 0, always, or never",
    }
    MAX_RESTARTS: Number = Upstream "maxRestarts" {
        kind: Number::count(DEFAULT_MAX_RESTARTS as usize).at_most(1_000_000),
        help: "Restarts in a row after which a server is given up; 0 never gives up",
    }
    EXIT_ON_CHILD_DEATH: Switch = Upstream "exitOnChildDeath" {
        kind: Switch { default: false },
        help: "Exit with code 1 when the server has ended; it is started again only if --restart is given",
    }
    LISTEN_EARLY: Switch = Upstream "listenEarly" {
        kind: Switch { default: false },
        help: "Open the port before the server is ready; clients get 503 until it is",
    }

    CONNECT: Text = Remote "connect" {
        kind: Text { placeholder: "url" },
        help: "Use the server at this URL, as the URL alone does in place of a command: over stdio, or \
               over HTTP if --port is given",
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
        help: "Spoken to the remote server: Streamable HTTP, HTTP+SSE, or the first that it accepts",
    }
    HEADER: List = Remote "header" {
        kind: List { placeholder: "name:value" },
        help: "Send this header with every request to the remote server; repeatable",
    }
    HEADER_FILE: PathName = Remote "headerFile" {
        kind: PathName::File,
        help: "Send the headers in this file (Name: value lines), which keeps them out of the process \
               list; --header wins",
    }
    BEARER_TOKEN: Secret = Remote "bearerToken" {
        kind: Secret {
            placeholder: "token",
            advice: "Leave it out to send none.",
        },
        help: "Send Authorization: Bearer with this token; MCP_PROXY_BEARER_TOKEN keeps it out of the \
               process list",
    }
    BEARER_TOKEN_FILE: PathName = Remote "bearerTokenFile" {
        kind: PathName::File,
        help: "Read the bearer token from this file; --bearerToken wins",
    }
    OAUTH: Switch = Remote "oauth" {
        kind: Switch { default: true },
        help: "Sign in where the remote server asks for it and no Authorization is given",
    }
    HEADLESS: Switch = Remote "headless" {
        kind: Switch { default: false },
        help: "Print the URL to sign in at on stderr without opening a browser",
    }
    GRANT: Choice<OAuthGrant> = Remote "grant" {
        kind: Choice {
            placeholder: "type",
            choices: &[
                ("authorization-code", OAuthGrant::AuthorizationCode),
                ("client-credentials", OAuthGrant::ClientCredentials),
                ("jwt-bearer", OAuthGrant::JwtBearer),
            ],
            default: ("authorization-code", OAuthGrant::AuthorizationCode),
        },
        help: "Sign somebody in, or the client itself (--clientId and --clientSecret or --clientKey), or \
               whom a JWT vouches for (--clientId and --assertion)",
    }
    CLIENT_ID: Text = Remote "clientId" {
        kind: Text { placeholder: "id" },
        help: "Sign in as this client; without it one is registered",
    }
    CLIENT_SECRET: Secret = Remote "clientSecret" {
        kind: Secret {
            placeholder: "secret",
            advice: "Leave it out for a client that has none.",
        },
        help: "Secret of that client; MCP_PROXY_CLIENT_SECRET keeps it out of the process list",
    }
    CLIENT_KEY: PathName = Remote "clientKey" {
        kind: PathName::File,
        help: "File with the key that client signs for itself with (PEM, PKCS #8), in place of a secret",
    }
    ASSERTION: PathName = Remote "assertion" {
        kind: PathName::File,
        help: "File with the JWT to present for a token, read anew each time: a workload's, or with \
               --idpTokenEndpoint somebody's ID token",
    }
    IDP_TOKEN_ENDPOINT: Text = Remote "idpTokenEndpoint" {
        kind: Text { placeholder: "url" },
        help: "Where your organisation exchanges that ID token for a JWT that the server's \
               authorization server takes (--idpClientId)",
    }
    IDP_CLIENT_ID: Text = Remote "idpClientId" {
        kind: Text { placeholder: "id" },
        help: "What the proxy is called there",
    }
    SCOPE: Text = Remote "scope" {
        kind: Text { placeholder: "scopes" },
        help: "Scopes to ask for, separated by spaces, in place of those the server names",
    }
    CALLBACK_PORT: Number = Remote "callbackPort" {
        kind: Number::count(0).at_most(65_535),
        help: "Port on this machine that the browser comes back to; 0 lets the system choose one",
    }
    TOKEN_DIR: PathName = Remote "tokenDir" {
        kind: PathName::Directory,
        help: "Directory for tokens and their key, in place of those that the system has for state and settings",
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
        help: "Keep the key to the tokens in the system's keyring, in a file, or (auto) in a file only where \
               no keyring can be used",
    }
    CA_CERT: PathName = Remote "caCert" {
        kind: PathName::File,
        help: "Trust the authorities in this file (PEM) besides those of the system",
    }
    INSECURE: Switch = Remote "insecure" {
        kind: Switch { default: false },
        help: "Accept every certificate of the remote server: whoever is in between reads everything",
    }
    PROXY: Text = Remote "proxy" {
        kind: Text { placeholder: "url" },
        help: "HTTP or SOCKS proxy on the way to the remote server, in place of what HTTPS_PROXY, \
               HTTP_PROXY, ALL_PROXY and NO_PROXY say",
    }

    API_KEY: Secret = Security "apiKey" {
        kind: Secret {
            placeholder: "key",
            advice: "Leave it out to serve without authentication.",
        },
        help: "Refuse requests without this key in X-API-Key; MCP_PROXY_API_KEY keeps it out of the \
               process list",
    }
    ALLOWED_HOSTS: List = Security "allowedHosts" {
        kind: List { placeholder: "host,..." },
        help: "Host names a web page may use to reach the proxy over loopback (DNS rebinding), \
               besides the loopback names; repeatable; * lifts the check",
    }
    CORS_ADD_ALLOWED_HEADER: List = Security "corsAddAllowedHeader" {
        kind: List { placeholder: "name" },
        help: "Add a name to Access-Control-Allow-Headers, after the default ones; repeatable",
    }
    SSL_CERT: PathName = Security "sslCert" {
        kind: PathName::File,
        help: "Serve HTTPS with this certificate chain (PEM)",
    }
    SSL_KEY: PathName = Security "sslKey" {
        kind: PathName::File,
        help: "Private key of the certificate (PEM)",
    }
    SSL_CA: PathName = Security "sslCa" {
        kind: PathName::File,
        help: "Certificates of authorities to send with the chain (PEM)",
    }

    STATELESS: Switch = Sessions "stateless" {
        kind: Switch { default: false },
        help: "Serve every request of the Streamable HTTP endpoint on its own, without sessions",
    }
    SESSION_IDLE_TIMEOUT: Number = Sessions "sessionIdleTimeout" {
        kind: Number::millis(DEFAULT_SESSION_IDLE_TIMEOUT)
            .or_else("Use --sessionIdleTimeout 0 to keep sessions until their client sends DELETE instead."),
        help: "Close a session this long after its last stream and request; 0 keeps it until DELETE",
    }
    EVENT_STORE: Switch = Sessions "eventStore" {
        kind: Switch { default: true },
        help: "Keep events so that a client that reconnects can have what it missed",
    }
    EVENT_STORE_MAX_EVENTS: Number = Sessions "eventStoreMaxEvents" {
        kind: Number::count(DEFAULT_EVENT_STORE_MAX_EVENTS)
            .at_least(1)
            .or_else("Use --no-eventStore to disable the event store instead."),
        help: "Events kept per session before the oldest goes",
    }
    EVENT_STORE_MAX_BYTES: Number = Sessions "eventStoreMaxBytes" {
        kind: Number::bytes(DEFAULT_EVENT_STORE_MAX_BYTES)
            .at_least(1)
            .or_else("Use --no-eventStore to disable the event store instead."),
        help: "Bytes kept per session before the oldest event goes; the newest is always kept",
    }

    MAX_BODY_SIZE: Number = Limits "maxBodySize" {
        kind: Number::bytes(DEFAULT_MAX_BODY_SIZE)
            .or_else("Use --maxBodySize 0 to disable the limit instead."),
        help: "Answer larger request bodies with 413; 0 lifts the limit",
    }
    MAX_SESSIONS: Number = Limits "maxSessions" {
        kind: Number::count(DEFAULT_MAX_SESSIONS).at_least(1),
        help: "Answer a client that would open another session, of either transport, with 503",
    }
    MAX_CONNECTIONS: Number = Limits "maxConnections" {
        kind: Number::count(DEFAULT_MAX_CONNECTIONS),
        help: "Answer further HTTP connections with 503; 0 lifts the limit",
    }
    MAX_IN_FLIGHT: Number = Limits "maxInFlight" {
        kind: Number::count(DEFAULT_MAX_IN_FLIGHT),
        help: "Answer a session that has so many calls under way with 429; 0 lifts the limit",
    }
    MAX_LINE_SIZE: Number = Limits "maxLineSize" {
        kind: Number::bytes(DEFAULT_MAX_LINE_SIZE).at_least(1),
        help: "Longest message accepted from the server",
    }
    THREADS: Number = Limits "threads" {
        kind: Number::count(DEFAULT_THREADS).at_least(1).at_most(1024),
        help: "Worker threads; more than one pays off with heavy TLS",
    }

    CONNECTION_TIMEOUT: Number = Timeouts "connectionTimeout" {
        kind: Number::millis(DEFAULT_CONNECTION_TIMEOUT).at_least(1),
        help: "Time the server has to answer the handshake",
    }
    REQUEST_TIMEOUT: Number = Timeouts "requestTimeout" {
        kind: Number::millis(DEFAULT_REQUEST_TIMEOUT),
        help: "Time a call may go without an answer or progress; 0 lifts the limit",
    }
    HEADER_TIMEOUT: Number = Timeouts "headerTimeout" {
        kind: Number::millis(DEFAULT_HEADER_TIMEOUT).at_least(1),
        help: "Time the head of an HTTP request may take to arrive before it is answered with 408",
    }
    BODY_TIMEOUT: Number = Timeouts "bodyTimeout" {
        kind: Number::millis(DEFAULT_BODY_TIMEOUT).at_least(1),
        help: "Time the body of an HTTP request may take to arrive before it is answered with 408",
    }
    MAX_REQUEST_TIME: Number = Timeouts "maxRequestTime" {
        kind: Number::millis(Duration::ZERO),
        help: "Time a call may take whatever its progress; 0 sets no limit",
    }
    RESTART_WAIT: Number = Timeouts "restartWait" {
        kind: Number::millis(DEFAULT_RESTART_WAIT),
        help: "Time a call waits for a server that is being restarted before it fails",
    }
    PING_INTERVAL: Number = Timeouts "pingInterval" {
        kind: Number::millis(Duration::ZERO),
        help: "Ping the server this often and restart it when it does not answer; 0 sends no pings",
    }
    PING_TIMEOUT: Number = Timeouts "pingTimeout" {
        kind: Number::millis(DEFAULT_PING_TIMEOUT).at_least(1),
        help: "Time the server has to answer a ping",
    }
    KEEP_ALIVE_TIMEOUT: Number = Timeouts "keepAliveTimeout" {
        kind: Number::millis(DEFAULT_KEEP_ALIVE_TIMEOUT),
        help: "Time an HTTP connection is kept open for another request; 0 keeps it for ever",
    }
    GRACEFUL_SHUTDOWN_TIMEOUT: Number = Timeouts "gracefulShutdownTimeout" {
        kind: Number::millis(DEFAULT_GRACEFUL_SHUTDOWN_TIMEOUT),
        help: "Time a shutdown may take before what is left is cut off and the exit code is 1",
    }

    TUNNEL: Switch = Tunnel "tunnel" {
        kind: Switch { default: false },
        help: "Give the proxy a public URL through the tunnel server",
    }
    TUNNEL_HOST: Text = Tunnel "tunnelHost" {
        kind: Text { placeholder: "url" },
        help: "Tunnel server to use, a pipenet server of your own [default: https://tunnel.gla.ma]",
    }
    TUNNEL_SUBDOMAIN: Text = Tunnel "tunnelSubdomain" {
        kind: Text { placeholder: "name" },
        help: "Subdomain to ask for; it may be taken",
    }

    DEBUG: Switch = Diagnostics "debug" {
        kind: Switch { default: false },
        help: "Show the messages that pass, and what the proxy does, on stderr",
    }
    LOG_LEVEL: Choice<Level> = Diagnostics "logLevel" {
        kind: Choice {
            placeholder: "level",
            choices: Level::CHOICES,
            default: ("warn", Level::Warn),
        },
        help: "Least serious events to log on stderr; RUST_LOG says it for each part of the proxy",
    }
    LOG_FORMAT: Choice<Format> = Diagnostics "logFormat" {
        kind: Choice {
            placeholder: "format",
            choices: Format::CHOICES,
            default: ("text", Format::Text),
        },
        help: "Of stderr: text, or a JSON object per line, the server's own lines among them",
    }
    METRICS_PORT: Port = Diagnostics "metricsPort" {
        kind: Port,
        help: "Serve Prometheus metrics (/metrics) and health on this port of their own",
    }
    METRICS_HOST: Host = Diagnostics "metricsHost" {
        kind: Host { default: DEFAULT_METRICS_HOST },
        help: "Host name or address of the metrics' port",
    }
    METRICS: Switch = Diagnostics "metrics" {
        kind: Switch { default: false },
        help: "Serve /metrics on the port of the clients, which takes --apiKey",
    }
    TRACE_CONTEXT: Switch = Diagnostics "traceContext" {
        kind: Switch { default: false },
        help: "Put traceparent, tracestate and baggage of HTTP requests into _meta of messages that have none",
    }
}
