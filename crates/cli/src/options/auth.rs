//! Authentication of callers: keys, issuers' tokens, static tokens; and warnings if everybody is
//! let in.

use std::net::IpAddr;

use mcp_proxy_core::config::{AuthConfig, Isolation, Policy, ResourceServerConfig, Secret};

use crate::args::{UsageError, Values, flags};

/// The required credentials.
pub(super) fn auth(values: &Values) -> Result<AuthConfig, UsageError> {
    Ok(AuthConfig {
        api_key: values.of(&flags::API_KEY)?.map(Secret::new),
        oauth: None,
        resource_server: resource_server(values)?,
    })
}

fn resource_server(values: &Values) -> Result<Option<ResourceServerConfig>, UsageError> {
    let config = ResourceServerConfig {
        issuers: without_empty(values.of(&flags::AUTH)?),
        preset: values.of(&flags::AUTH_PRESET)?,
        audiences: without_empty(values.of(&flags::AUTH_AUDIENCE)?),
        public_url: values.of(&flags::PUBLIC_URL)?,
        scopes: scopes(values)?,
        jwks: values.of(&flags::AUTH_JWKS)?,
        introspection: values.of(&flags::AUTH_INTROSPECT)?,
        tokens: values.of(&flags::AUTH_TOKENS)?,
        mirror: values.of(&flags::AUTH_MIRROR)?,
        claims: Vec::new(),
    };
    if !config.issuers.is_empty() || config.tokens.is_some() {
        return Ok(Some(config));
    }
    // A flag that should restrict callers must not be without effect.
    let needing = [
        ("--authAudience", !config.audiences.is_empty()),
        ("--authScopes", !config.scopes.is_empty()),
        ("--authPreset", values.has(&flags::AUTH_PRESET)),
        ("--authJwks", config.jwks.is_some()),
        ("--authIntrospect", config.introspection.is_some()),
        ("--authMirror", config.mirror),
    ];
    match needing.into_iter().find(|(_, given)| *given) {
        Some((flag, _)) => Err(UsageError::AuthFlagAlone(flag)),
        None => Ok(None),
    }
}

/// What callers may do with the server.
pub(super) fn policy(values: &Values) -> Result<Policy, UsageError> {
    Ok(Policy { forward_identity: values.of(&flags::FORWARD_IDENTITY)?, ..Policy::default() })
}

/// The given scopes, each of which is one word.
pub(super) fn scopes(values: &Values) -> Result<Vec<String>, UsageError> {
    let scopes = values.of(&flags::AUTH_SCOPES)?.unwrap_or_default();
    Ok(scopes.split_whitespace().map(str::to_owned).collect())
}

fn without_empty(words: Vec<String>) -> Vec<String> {
    words.into_iter().filter(|word| !word.is_empty()).collect()
}

/// Only tokens identify callers.
pub(super) fn check_isolation(values: &Values) -> Result<(), UsageError> {
    let by_identity = values.of(&flags::ISOLATION)? == Isolation::Identity;
    let told_apart = auth(values)?.resource_server.is_some() || values.has(&flags::SSL_CLIENT_CA);
    if by_identity && !told_apart {
        return Err(UsageError::NobodyToTellApart);
    }
    Ok(())
}

/// Whether every client needs credentials.
pub(super) fn is_on(values: &Values) -> Result<bool, UsageError> {
    Ok(auth(values)?.is_on() || values.of(&flags::SSL_CLIENT_CA)?.is_some())
}

/// The one warning about a proxy that everybody who reaches it may use.
pub(super) fn exposure(values: &Values) -> Result<Option<String>, UsageError> {
    let (host, tunnelled) = (values.of(&flags::HOST)?, values.of(&flags::TUNNEL)?);
    if is_on(values)? || (is_local(&host) && !tunnelled) {
        return Ok(None);
    }
    if values.of(&flags::REQUIRE_AUTH)? {
        let way = if tunnelled { "--tunnel".to_owned() } else { host };
        return Err(UsageError::Exposed(way));
    }
    Ok(Some(if tunnelled {
        "--tunnel without --auth or --apiKey: whoever knows the public URL can use the server"
            .to_owned()
    } else {
        format!(
            "listening on {host} without authentication: whoever can reach this machine can use \
             the server; --auth, --authTokens or --apiKey asks for credentials, --host 127.0.0.1 \
             serves this machine only"
        )
    }))
}

/// Whether only this machine can reach a listener on this host.
fn is_local(host: &str) -> bool {
    let address = host.parse::<IpAddr>().map(|address| address.to_canonical().is_loopback());
    address.unwrap_or_else(|_| host.eq_ignore_ascii_case("localhost"))
}
