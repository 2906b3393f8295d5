//! Who may use the front: keys, challenges, and web pages of other origins.

use super::{DEFAULT_ALLOWED_HEADERS, ResourceServerConfig, Secret};

/// Who is let in: clients with the API key, or with a token that the resource server accepts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuthConfig {
    /// Value that `X-API-Key` must have; `None` lets everybody in. Never empty.
    pub api_key: Option<Secret>,
    /// Parameters of the challenge for a missing or wrong key (RFC 6750, RFC 9728). `None` differs
    /// from an empty value: without it, the challenge has no `resource_metadata`.
    pub oauth: Option<OAuthChallenge>,
    /// Tokens of issuers and static ones; `None` accepts none.
    pub resource_server: Option<ResourceServerConfig>,
}

impl AuthConfig {
    /// Whether every client needs credentials.
    pub fn is_on(&self) -> bool {
        self.api_key.is_some() || self.resource_server.is_some()
    }

    /// Whether a client that presents this key is let in; compared in constant time.
    pub fn admits(&self, key: Option<&[u8]>) -> bool {
        let Some(wanted) = &self.api_key else { return true };
        key.is_some_and(|key| wanted.is(key))
    }
}

/// Parameters of a `WWW-Authenticate: Bearer` challenge; unset ones are left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OAuthChallenge {
    /// `realm`.
    pub realm: Option<String>,
    /// `error`.
    pub error: Option<String>,
    /// `error_description`.
    pub error_description: Option<String>,
    /// `error_uri`.
    pub error_uri: Option<String>,
    /// `scope`, space separated.
    pub scope: Option<String>,
    /// The protected resource whose metadata URL is announced as `resource_metadata`.
    pub resource: Option<String>,
}

/// Cross-origin answers.
#[derive(Clone, Debug, PartialEq)]
pub struct CorsConfig {
    /// Which origins are answered.
    pub origin: CorsOrigin,
    /// `Access-Control-Allow-Credentials`, sent only when the answered origin is not `*`.
    pub credentials: Option<bool>,
    /// `Access-Control-Allow-Methods`.
    pub methods: Vec<String>,
    /// `Access-Control-Allow-Headers`.
    pub allowed_headers: Vec<String>,
    /// `Access-Control-Expose-Headers`.
    pub exposed_headers: Vec<String>,
    /// `Access-Control-Max-Age` in seconds.
    pub max_age: Option<u64>,
}

impl Default for CorsConfig {
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            origin: CorsOrigin::Any,
            credentials: None,
            methods: owned(&["GET", "POST", "OPTIONS"]),
            allowed_headers: owned(&DEFAULT_ALLOWED_HEADERS),
            exposed_headers: owned(&["Mcp-Session-Id"]),
            max_age: None,
        }
    }
}

/// Origins that get an `Access-Control-Allow-Origin`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CorsOrigin {
    /// Every origin, answered with `*`.
    Any,
    /// This value, whatever the request's origin is.
    Fixed(String),
    /// The embedding program decides for each origin.
    Host,
    /// The request's origin if it is one of these.
    List(Vec<String>),
}
