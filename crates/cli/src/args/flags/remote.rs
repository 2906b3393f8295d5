//! A remote server.

use mcp_proxy_core::config::{CallbackHost, OAuthGrant, RemoteTransport, TokenStore};

use crate::args::kinds::{Choice, List, Number, PathName, Route, Secret, Switch, Text};

flags! { Remote:
    CONNECT: Text = "connect" {
        kind: Text { placeholder: "url" },
        short: "Connect to the remote server at this URL",
        help: "Connect to the remote server at this URL, like a URL in place of the command: serves \
               stdio, or HTTP if --port is given",
    }
    TRANSPORT: Choice<RemoteTransport> = "transport" {
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
    HEADER: List = "header" {
        kind: List { placeholder: "name:value" },
        short: "Send a header to the remote server",
        help: "Send this header with every request to the remote server; repeatable",
    }
    HEADER_FILE: PathName = "headerFile" {
        kind: PathName::File,
        short: "Send the headers in a file",
        help: "Send the headers in this file (Name: value lines) with every request, which keeps \
               them out of the process list; --header overrides it",
    }
    BEARER_TOKEN: Secret = "bearerToken" {
        kind: Secret {
            placeholder: "token",
            advice: "Leave it out to send none.",
        },
        short: "Bearer token for the remote server",
        help: "Send this token as Authorization: Bearer; MCP_PROXY_BEARER_TOKEN keeps it out of the \
               process list",
    }
    BEARER_TOKEN_FILE: PathName = "bearerTokenFile" {
        kind: PathName::File,
        short: "Read the bearer token from a file",
        help: "Read the bearer token from this file; --bearerToken overrides it",
    }
    OAUTH: Switch = "oauth" {
        kind: Switch { default: true },
        short: "Sign in if the remote server asks for it",
        help: "Sign in if the remote server asks for it and no Authorization header is given",
    }
    HEADLESS: Switch = "headless" {
        kind: Switch { default: false },
        short: "Print the sign-in URL, open no browser",
        help: "Print the sign-in URL on stderr and open no browser",
    }
    GRANT: Choice<OAuthGrant> = "grant" {
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
    CLIENT_ID: Text = "clientId" {
        kind: Text { placeholder: "id" },
        short: "OAuth client id",
        help: "OAuth client id; without it, the proxy registers a client",
    }
    CLIENT_SECRET: Secret = "clientSecret" {
        kind: Secret {
            placeholder: "secret",
            advice: "Leave it out for a client that has none.",
        },
        short: "OAuth client secret",
        help: "OAuth client secret; MCP_PROXY_CLIENT_SECRET keeps it out of the process list",
    }
    CLIENT_KEY: PathName = "clientKey" {
        kind: PathName::File,
        short: "Private key of the OAuth client",
        help: "File with the private key (PEM, PKCS #8) that the OAuth client signs with, in place \
               of a secret",
    }
    ASSERTION: PathName = "assertion" {
        kind: PathName::File,
        short: "File with the JWT to sign in with",
        help: "File with the JWT to sign in with, read again for each token: that of a workload, or \
               an ID token if --idpTokenEndpoint is given",
    }
    IDP_TOKEN_ENDPOINT: Text = "idpTokenEndpoint" {
        kind: Text { placeholder: "url" },
        short: "Token endpoint of your identity provider",
        help: "Token endpoint of your organisation's identity provider, which exchanges the ID \
               token for a JWT that the server's authorization server accepts; requires \
               --idpClientId",
    }
    IDP_CLIENT_ID: Text = "idpClientId" {
        kind: Text { placeholder: "id" },
        short: "Client id at the identity provider",
        help: "Client id of the proxy at the identity provider",
    }
    SCOPE: Text = "scope" {
        kind: Text { placeholder: "scopes" },
        short: "OAuth scopes to ask for",
        help: "OAuth scopes to ask for, separated by spaces, in place of those that the server \
               names",
    }
    ISSUER: Text = "issuer" {
        kind: Text { placeholder: "url" },
        short: "The only authorization server to ask",
        help: "Use only this authorization server; by default the first one that gets a secret is \
               remembered",
    }
    RESOURCE: Text = "resource" {
        kind: Text { placeholder: "uri" },
        short: "Resource to ask tokens for, or none",
        help: "Ask for tokens for this resource instead of the one in the server's metadata; \
               \"none\" sends no resource",
    }
    AUTHORIZE_PARAM: List = "authorizeParam" {
        kind: List { placeholder: "name=value" },
        short: "Add a parameter to the sign-in URL",
        help: "Add this parameter to the sign-in URL; repeatable",
    }
    ASSUME_PKCE: Switch = "assumePkce" {
        kind: Switch { default: false },
        short: "Sign in where PKCE is not announced",
        help: "Sign in at an authorization server that does not say that it supports PKCE, such as \
               Entra ID and Cognito",
    }
    USE_ID_TOKEN: Switch = "useIdToken" {
        kind: Switch { default: false },
        short: "Send the ID token, not the access token",
        help: "Send the ID token that comes with an access token instead of the access token",
    }
    SIGN_IN: Switch = "signIn" {
        kind: Switch { default: false },
        short: "Sign in to the server and exit",
        help: "Sign in to the server and exit; if the browser runs elsewhere, paste the URL at which it \
               ends",
    }
    SIGN_OUT: Switch = "signOut" {
        kind: Switch { default: false },
        short: "Forget the sign-in and exit",
        help: "Forget the sign-in to the server and exit; without a URL, forget all of them",
    }
    CALLBACK_HOST: Choice<CallbackHost> = "callbackHost" {
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
    CALLBACK_PATH: Route = "callbackPath" {
        kind: Route { default: Some("/callback") },
        short: "Path of the redirect URI",
        help: "Path of the URL that the browser returns to",
    }
    CALLBACK_PORT: Number = "callbackPort" {
        kind: Number::count(0).at_most(65_535),
        short: "Local port the browser returns to",
        help: "Port on this machine that the browser returns to after the sign-in; with 0 the \
               system chooses one",
    }
    TOKEN_DIR: PathName = "tokenDir" {
        kind: PathName::Directory,
        short: "Directory for tokens",
        help: "Directory for tokens and their key, in place of the system directories for state and \
               settings",
    }
    TOKEN_STORE: Choice<TokenStore> = "tokenStore" {
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
    CA_CERT: PathName = "caCert" {
        kind: PathName::File,
        short: "Trust these certificate authorities, too",
        help: "Trust the certificate authorities in this file (PEM) in addition to those of the \
               system",
    }
    INSECURE: Switch = "insecure" {
        kind: Switch { default: false },
        short: "Accept any certificate",
        help: "Accept any certificate of the remote server; anybody in between can read everything",
    }
    PROXY: Text = "proxy" {
        kind: Text { placeholder: "url" },
        short: "Proxy on the way to the remote server",
        help: "HTTP or SOCKS proxy on the way to the remote server; overrides HTTPS_PROXY, \
               HTTP_PROXY, ALL_PROXY and NO_PROXY",
    }
}
