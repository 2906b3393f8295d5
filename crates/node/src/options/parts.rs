//! Options that are objects themselves.

use mcp_proxy_core::{
    config::{AuthConfig, CorsConfig, CorsOrigin, OAuthChallenge, Secret, TlsConfig},
    tunnel,
};

use serde_json::Value;

use super::{
    given::{Callback, Either, Filled, Given, Wrong},
    number::whole,
};

/// CORS, and whether JavaScript is asked about origins.
pub(super) struct Cors {
    pub(super) config: Option<CorsConfig>,
    pub(super) asks: bool,
}

pub(super) fn cors(given: &Given) -> Result<Cors, Wrong> {
    let given = match given.take::<Either<bool, Given>>("cors")? {
        Some(Either::This(false)) => return Ok(Cors { config: None, asks: false }),
        Some(Either::That(given)) => given.named("cors."),
        _ => Given::default(),
    };
    let default = CorsConfig::default();
    let origin = match given.take::<Either<Filled, Either<Vec<String>, Callback>>>("origin")? {
        Some(Either::That(Either::That(Callback))) => CorsOrigin::Host,
        Some(Either::That(Either::This(list))) => CorsOrigin::List(list),
        Some(Either::This(Filled(value))) if value != "*" => CorsOrigin::Fixed(value),
        _ => CorsOrigin::Any,
    };
    let allowed = match given.take::<Either<String, Vec<String>>>("allowedHeaders")? {
        Some(Either::This(value)) => Some(vec![value]),
        Some(Either::That(list)) => Some(list),
        None => None,
    };
    let asks = matches!(origin, CorsOrigin::Host);
    let config = CorsConfig {
        origin,
        credentials: given.take("credentials")?,
        methods: given.take("methods")?.unwrap_or(default.methods),
        allowed_headers: allowed.unwrap_or(default.allowed_headers),
        exposed_headers: given.take("exposedHeaders")?.unwrap_or(default.exposed_headers),
        max_age: given.take::<f64>("maxAge")?.map(|seconds| whole(seconds) as u64),
    };
    Ok(Cors { config: Some(config), asks })
}

pub(super) fn key(given: &Given) -> Result<AuthConfig, Wrong> {
    let oauth = given.take::<Given>("oauth")?.map(|given| given.named("oauth."));
    // Differs from mcp-proxy: there an empty key, for example from an unset variable, lets
    // everybody in.
    let api_key = given.take("apiKey")?.map(|Filled(key)| Secret::new(key));
    let oauth = oauth.as_ref().map(challenge).transpose()?;
    Ok(AuthConfig { api_key, oauth, resource_server: None })
}

/// The configuration of `AuthenticationMiddleware`.
pub(crate) fn authentication(config: Option<Value>) -> Result<AuthConfig, Wrong> {
    key(&Given::of(config)?)
}

/// The same with these parameters of a challenge in place of its own, including the message.
pub(crate) fn challenged(
    config: &AuthConfig,
    parameters: Option<Value>,
) -> Result<(AuthConfig, Option<String>), Wrong> {
    let OAuthChallenge { error, error_description, error_uri, scope, .. } =
        challenge(&Given::of(parameters)?)?;
    let message = error_description.clone();
    let own = config.oauth.clone().unwrap_or_default();
    let oauth = OAuthChallenge {
        error: error.or(own.error),
        error_description: error_description.or(own.error_description),
        error_uri: error_uri.or(own.error_uri),
        scope: scope.or(own.scope),
        ..own
    };
    Ok((AuthConfig { oauth: Some(oauth), ..config.clone() }, message))
}

/// As in a challenge, an empty parameter counts as missing.
fn challenge(given: &Given) -> Result<OAuthChallenge, Wrong> {
    let text = |name| Ok::<_, Wrong>(given.take::<String>(name)?.filter(|text| !text.is_empty()));
    let resource = given.take::<Given>("protectedResource")?;
    let resource = resource.map(|given| given.named("oauth.protectedResource."));
    let resource = resource.map(|given| given.take::<String>("resource")).transpose()?.flatten();
    Ok(OAuthChallenge {
        realm: text("realm")?,
        error: text("error")?,
        error_description: text("error_description")?,
        error_uri: text("error_uri")?,
        scope: text("scope")?,
        resource: resource.filter(|resource| !resource.is_empty()),
    })
}

pub(super) fn tls(given: &Given) -> Result<Option<TlsConfig>, Wrong> {
    let file = |name| {
        // Differs from mcp-proxy: there, an empty name means without TLS.
        let path = given.take(name)?.map(|Filled(path)| path);
        Ok::<_, Wrong>(path.map(Into::into))
    };
    let tls = TlsConfig {
        ca: file("sslCa")?,
        cert: file("sslCert")?,
        key: file("sslKey")?,
        client_ca: file("sslClientCa")?,
    };
    let wanted =
        tls.ca.is_some() || tls.cert.is_some() || tls.key.is_some() || tls.client_ca.is_some();
    Ok(wanted.then_some(tls))
}

pub(super) fn tunnel(given: &Given) -> Result<Option<tunnel::Config>, Wrong> {
    let wanted = match given.take::<Either<bool, Given>>("tunnel")? {
        None | Some(Either::This(false)) => return Ok(None),
        Some(Either::This(true)) => Given::default(),
        Some(Either::That(given)) => given.named("tunnel."),
    };
    let mut config = tunnel::Config { subdomain: wanted.take("subdomain")?, ..Default::default() };
    if let Some(host) = wanted.take("host")? {
        config.host = host;
    }
    if !["apiKey", "auth", "authenticate"].iter().any(|name| given.has(name)) {
        tracing::warn!(
            "a tunnel without apiKey, auth and authenticate: whoever knows its URL can use the server"
        );
    }
    Ok(Some(config))
}
