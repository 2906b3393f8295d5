//! Whose tokens are accepted, and what for (OAuth resource server).

use std::{fmt, path::PathBuf};

/// An OAuth resource server: tokens of these issuers, and static ones, let clients in.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ResourceServerConfig {
    /// Issuers, as their tokens name them; all have the same preset.
    pub issuers: Vec<String>,
    /// Where the issuers differ from the standards.
    pub preset: AuthPreset,
    /// Accepted audiences, any of these; empty means the endpoint's own public URL.
    pub audiences: Vec<String>,
    /// The proxy as it is seen from outside: scheme, host, and a path in front of its own paths if
    /// there is one.
    pub public_url: Option<String>,
    /// Scopes that every request needs.
    pub scopes: Vec<String>,
    /// URL or file of the only issuer's keys, in place of discovery.
    pub jwks: Option<String>,
    /// Where opaque tokens are asked about (RFC 7662); user and password in it are the client's.
    pub introspection: Option<String>,
    /// File of static tokens and API keys, by their hashes.
    pub tokens: Option<PathBuf>,
    /// Serve the first issuer's own metadata (RFC 8414) too, for clients that look for it here.
    pub mirror: bool,
    /// Claims that policies and variables of servers ask for, beside the usual ones.
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

/// Where identity providers differ from the standards, and what to hold them to instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthPreset {
    /// RFC 9068, as far as it decides anything.
    #[default]
    Standard,
    /// Microsoft Entra ID: tokens of both versions of one tenant; the audience is the app's id.
    Entra,
    /// Auth0: the issuer ends with a slash; permissions count as scopes.
    Auth0,
    /// Okta: the audience is that of the authorization server.
    Okta,
    /// Keycloak: access tokens are of the type `Bearer`.
    Keycloak,
    /// Amazon Cognito: access tokens have no audience, but the id of their client.
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

    /// Whether its tokens can be for the URL of an endpoint; those of the others are for an id
    /// that the provider gives.
    pub fn knows_resources(self) -> bool {
        matches!(self, Self::Standard | Self::Auth0 | Self::Okta | Self::Keycloak)
    }
}
