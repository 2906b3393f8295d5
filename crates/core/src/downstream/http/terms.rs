//! Settings for the requests of a port that may change while it is open.

use std::{fmt, sync::Arc};

use super::{auth::Auth, body::BodyLimits, cors::Cors, reserved::Reserved};
use crate::{
    config::{AllowedHosts, AuthConfig, CorsConfig, HttpConfig},
    identity::{ApiKey, Authenticator, Bearer},
};

/// See the module. They are exchanged as a whole.
pub(super) struct Terms {
    pub(super) auth: Auth,
    /// Decides about every request except for health.
    pub(super) authenticator: Option<Arc<dyn Authenticator>>,
    /// The same, if it checks tokens.
    pub(super) bearer: Option<Arc<Bearer>>,
    /// The documents about access to the endpoints, and the issuer's own metadata.
    pub(super) well_known: Vec<Reserved>,
    pub(super) cors: Option<Cors>,
    pub(super) allowed_hosts: AllowedHosts,
    pub(super) normalize_charset: bool,
    pub(super) body_limits: BodyLimits,
    pub(super) trace_context: bool,
    /// Most calls of a session.
    pub(super) max_in_flight: Option<usize>,
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms").field("auth", &self.auth).finish_non_exhaustive()
    }
}

impl Terms {
    /// The terms of this configuration; the bearer checks tokens, if there are any.
    pub(super) fn new(
        config: &HttpConfig,
        bearer: Option<Arc<Bearer>>,
        well_known: Vec<Reserved>,
    ) -> Self {
        let key = || Arc::new(ApiKey::new(config.auth.clone())) as Arc<dyn Authenticator>;
        Self {
            authenticator: match bearer.clone() {
                Some(bearer) => Some(bearer),
                None => config.auth.api_key.is_some().then(key),
            },
            bearer,
            auth: Auth::new(config.auth.clone()),
            well_known,
            cors: config.cors.clone().map(|cors| Cors::new(exposing(cors, &config.auth))),
            allowed_hosts: config.allowed_hosts.clone(),
            normalize_charset: config.normalize_charset,
            body_limits: BodyLimits { size: config.max_body_size, time: config.body_timeout },
            trace_context: config.trace_context,
            max_in_flight: config.max_in_flight,
        }
    }
}

/// A page that signs in must be able to read the challenge.
fn exposing(mut cors: CorsConfig, auth: &AuthConfig) -> CorsConfig {
    let name = "WWW-Authenticate";
    let known = cors.exposed_headers.iter().any(|one| one.eq_ignore_ascii_case(name));
    if auth.resource_server.is_some() && !known {
        cors.exposed_headers.push(name.to_owned());
    }
    cors
}
