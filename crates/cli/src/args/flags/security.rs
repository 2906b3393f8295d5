//! Who is let in.

use mcp_proxy_core::config::AuthPreset;

use crate::args::kinds::{Choice, List, PathName, Secret, Switch, Text};

flags! { Security:
    API_KEY: Secret = "apiKey" {
        kind: Secret {
            placeholder: "key",
            advice: "Leave it out to serve without authentication.",
        },
        short: "Key that requests must carry in X-API-Key",
        help: "Refuse requests without this key in X-API-Key; MCP_PROXY_API_KEY keeps it out of the \
               process list",
    }
    AUTH: List = "auth" {
        kind: List { placeholder: "issuer" },
        short: "Require access tokens of this OAuth issuer",
        help: "Refuse requests without an access token of this OAuth issuer (its URL); clients learn \
               where to sign in. Repeatable; --apiKey and --authTokens let clients in, too",
    }
    PUBLIC_URL: Text = "publicUrl" {
        kind: Text { placeholder: "url" },
        short: "URL that clients reach the proxy at",
        help: "URL that clients reach the proxy at: scheme, host, and a path if there is one in front \
               of the endpoint's. Access tokens must be issued for this URL plus the endpoint's \
               path",
    }
    AUTH_AUDIENCE: List = "authAudience" {
        kind: List { placeholder: "audience" },
        short: "Audience that tokens must name",
        help: "Audience that access tokens must name, in place of the endpoint's URL; repeatable, \
               one of them is enough",
    }
    AUTH_SCOPES: Text = "authScopes" {
        kind: Text { placeholder: "scopes" },
        short: "Scopes that every request needs",
        help: "Scopes that every request needs, separated by spaces",
    }
    AUTH_PRESET: Choice<AuthPreset> = "authPreset" {
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
    AUTH_JWKS: Text = "authJwks" {
        kind: Text { placeholder: "place" },
        short: "Keys of the issuer, without discovery",
        help: "URL or file of the issuer's keys (JWKS), in place of those that the issuer names",
    }
    AUTH_INTROSPECT: Secret = "authIntrospect" {
        kind: Secret {
            placeholder: "url",
            advice: "Leave it out to accept no opaque tokens.",
        },
        short: "Where to ask about opaque tokens",
        help: "URL at which the issuer says whether an opaque token is valid (RFC 7662), with the \
               client's id and secret: https://id:secret@host/path; MCP_PROXY_AUTH_INTROSPECT keeps it \
               out of the process list",
    }
    AUTH_TOKENS: PathName = "authTokens" {
        kind: PathName::File,
        short: "Accept the tokens and keys in this file",
        help: "Accept the static tokens and API keys that this file (JSON) lists by their hashes; it \
               is read again when it changes",
    }
    AUTH_MIRROR: Switch = "authMirror" {
        kind: Switch { default: false },
        short: "Serve the issuer's metadata here, too",
        help: "Serve the metadata of the first --auth at /.well-known/oauth-authorization-server, where \
               clients of the revision 2025-03-26 look for it",
    }
    FORWARD_IDENTITY: Switch = "forwardIdentity" {
        kind: Switch { default: false },
        short: "Tell the server who calls",
        help: "Tell the server who calls: issuer, subject, scopes and claims in \
               _meta[\"io.github.mcp-proxy/identity\"] of every request",
    }
    NEW_TOKEN: Text = "newToken" {
        kind: Text { placeholder: "name" },
        short: "Make a static token of this name and exit",
        help: "Make a static token of this name with the scopes of --authScopes, add its hash to the \
               file of --authTokens, print it and exit",
    }
    TOKEN_EXPIRES: Text = "tokenExpires" {
        kind: Text { placeholder: "time" },
        short: "When the token of --newToken expires",
        help: "When the token of --newToken expires: 2030-12-31, 2030-12-31T23:59:59Z, or a time from \
               now (90d, 12h, 30min). Without it, the token does not expire"
    }
    REQUIRE_AUTH: Switch = "requireAuth" {
        kind: Switch { default: false },
        short: "Refuse to start without authentication",
        help: "Refuse to listen beyond this machine without authentication, instead of only \
               logging a warning",
    }
    ALLOWED_HOSTS: List = "allowedHosts" {
        kind: List { placeholder: "host,..." },
        short: "Host names that web pages may use",
        help: "Host names that web pages may use to reach the proxy over loopback (protection \
               against DNS rebinding), in addition to the loopback names; repeatable; * turns the \
               check off",
    }
    TRUST_PROXY: List = "trustProxy" {
        kind: List { placeholder: "network,..." },
        short: "Reverse proxies to trust",
        help: "Networks of the reverse proxies in front, such as 10.0.0.0/8, loopback or private, \
               whose X-Forwarded-Prefix, -Host, -Proto and -For headers are trusted; repeatable",
    }
    CORS_ADD_ALLOWED_HEADER: List = "corsAddAllowedHeader" {
        kind: List { placeholder: "name" },
        short: "Allow one more CORS request header",
        help: "Add a name to Access-Control-Allow-Headers, after the default ones; repeatable",
    }
    SSL_CERT: PathName = "sslCert" {
        kind: PathName::File,
        short: "Serve HTTPS with this certificate",
        help: "Serve HTTPS with this certificate chain (PEM)",
    }
    SSL_KEY: PathName = "sslKey" {
        kind: PathName::File,
        short: "Private key of the certificate",
        help: "Private key of the certificate (PEM)",
    }
    SSL_CA: PathName = "sslCa" {
        kind: PathName::File,
        short: "Authorities to send with the certificate",
        help: "Certificates of authorities to send with the chain (PEM)",
    }
    SSL_CLIENT_CA: PathName = "sslClientCa" {
        kind: PathName::File,
        short: "Require client certificates of these authorities",
        help: "Serve only clients with a certificate of these authorities (PEM); with --auth or \
               --apiKey, clients need both",
    }
}
