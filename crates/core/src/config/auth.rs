//! Which tokens are accepted, from which issuers, and for what (OAuth resource server).

use std::{fmt, path::PathBuf};

/// An OAuth resource server: tokens of these issuers, and static ones, let clients in.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ResourceServerConfig {
    /// Issuers, as their tokens name them; all have the same preset.
    pub issuers: Vec<String>,
    /// How the issuers deviate from the standards.
    pub preset: AuthPreset,
    /// Accepted audiences, any of these; empty means the endpoint's own public URL.
    pub audiences: Vec<String>,
    /// The URL of the proxy as clients see it: scheme, host, and a path prefix if there is one.
    pub public_url: Option<String>,
    /// Scopes that every request needs.
    pub scopes: Vec<String>,
    /// URL or file of the keys of the issuer, in place of discovery. Only for a single issuer.
    pub jwks: Option<String>,
    /// Introspection endpoint for opaque tokens (RFC 7662); user and password in the URL are the
    /// client's credentials.
    pub introspection: Option<String>,
    /// File of static tokens and API keys, stored as hashes.
    pub tokens: Option<PathBuf>,
    /// Also serve the first issuer's own metadata (RFC 8414), for clients that look for it here.
    pub mirror: bool,
    /// Claims that policies and variables of servers use, besides the usual ones.
    pub claims: Vec<String>,
}

/// The client's secret is not shown.
impl fmt::Debug for ResourceServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceServerConfig")
            .field("issuers", &self.issuers)
            .field("preset", &self.preset)
            .field("audiences", &self.audiences)
            .field("public_url", &self.public_url)
            .field("scopes", &self.scopes)
            .field("jwks", &self.jwks)
            .field("introspection", &self.introspection.as_ref().map(|_| "<redacted>"))
            .field("tokens", &self.tokens)
            .field("mirror", &self.mirror)
            .field("claims", &self.claims)
            .finish()
    }
}

/// How identity providers deviate from the standards, and which checks apply instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthPreset {
    /// RFC 9068, without the checks that decide nothing.
    #[default]
    Standard,
    /// Microsoft Entra ID: tokens of both versions of one tenant; the audience is the app's id.
    Entra,
    /// Auth0: the issuer ends with a slash; permissions count as scopes.
    Auth0,
    /// Okta: the audience is the one of the authorization server.
    Okta,
    /// Keycloak: access tokens are of the type `Bearer`.
    Keycloak,
    /// Amazon Cognito: access tokens have a client id in place of an audience.
    Cognito,
    /// Authentik: the audience is the client's id; the issuer ends with a slash.
    Authentik,
    /// Google: ID tokens, as its access tokens are opaque; the audience is the client's id.
    Google,
}

impl AuthPreset {
    /// Every preset by the name that users give.
    pub const NAMES: [(&'static str, Self); 7] = [
        ("entra", Self::Entra),
        ("auth0", Self::Auth0),
        ("okta", Self::Okta),
        ("keycloak", Self::Keycloak),
        ("cognito", Self::Cognito),
        ("authentik", Self::Authentik),
        ("google", Self::Google),
    ];

    /// Whether its tokens can be issued for the URL of an endpoint. Tokens of the other presets are
    /// for an id that the provider assigns.
    pub fn knows_resources(self) -> bool {
        matches!(self, Self::Standard | Self::Auth0 | Self::Okta | Self::Keycloak)
    }
}
