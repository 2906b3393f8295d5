//! Creates a resource server from its configuration, or says what is wrong with it.

use std::{path::Path, sync::Arc};

use reqwest::Url;

use super::{
    super::{
        cache::Cache,
        challenge::is_scope,
        introspection::Introspection,
        issuer::{Issuer, Source, fetch::Fetcher},
        mirror::Mirror,
        recent::Recent,
        static_tokens::{Listed, TokenFile},
        token::{Audience, Rules},
        well_known::is_safe,
    },
    ResourceServer,
};
use crate::{
    config::{ResourceServerConfig, Secret},
    error::Error,
};

impl ResourceServer {
    /// `base` is the proxy's public URL, if it is known: the audience of tokens if none is
    /// configured. `api_key` is accepted in addition.
    pub(crate) fn new(
        config: &ResourceServerConfig,
        base: Option<&str>,
        api_key: Option<&Secret>,
    ) -> Result<Self, Error> {
        Self::set_up(config, base, api_key).map_err(Error::Auth)
    }

    fn set_up(
        config: &ResourceServerConfig,
        base: Option<&str>,
        api_key: Option<&Secret>,
    ) -> Result<Self, String> {
        check(config)?;
        let audience = audience(config, base)?;
        let fetcher = Arc::new(Fetcher::new().map_err(|error| error.to_string())?);
        let mut issuers = Vec::new();
        for name in &config.issuers {
            let rules = rules(config, name, &audience);
            issuers.push(Issuer::new(rules, source(config, name)?, Arc::clone(&fetcher)));
        }
        let mirror = match issuers.first() {
            Some(issuer) if config.mirror => {
                let spellings = issuer.rules.spellings.clone();
                let place = url(&config.issuers[0], "--auth")?;
                Some(Mirror::new(place, spellings, Arc::clone(&fetcher)))
            }
            _ => None,
        };
        let introspection = match (&config.introspection, config.issuers.first()) {
            (Some(place), Some(issuer)) => {
                let rules = rules(config, issuer, &audience);
                Some(Introspection::new(place, rules, fetcher)?)
            }
            _ => None,
        };
        let own = api_key.map(|key| Listed::of_key(key.reveal())).unwrap_or_default();
        let file = config.tokens.as_deref().map(|path| TokenFile::open(path, own.clone()));
        Ok(Self {
            issuers,
            names: config.issuers.clone(),
            introspection,
            file: file.transpose()?,
            listed: Arc::new(own),
            audience,
            scopes: config.scopes.clone(),
            verified: Cache::default(),
            recent: Recent::default(),
            mirror,
        })
    }
}

fn check(config: &ResourceServerConfig) -> Result<(), String> {
    let many = config.issuers.len() != 1;
    if many && config.jwks.is_some() {
        return Err("--authJwks needs exactly one --auth: it gives the keys of that \
                    issuer"
            .to_owned());
    }
    if config.issuers.is_empty() && config.introspection.is_some() {
        return Err("--authIntrospect needs --auth, the issuer that it belongs to".to_owned());
    }
    if config.issuers.is_empty() && config.mirror {
        return Err("--authMirror needs --auth, the issuer whose metadata it serves".to_owned());
    }
    match config.scopes.iter().find(|scope| !is_scope(scope)) {
        Some(scope) => Err(format!("{scope:?} in --authScopes is not a scope")),
        None => Ok(()),
    }
}

/// The audience that tokens must have; only the configuration decides it.
fn audience(config: &ResourceServerConfig, base: Option<&str>) -> Result<Audience, String> {
    if !config.audiences.is_empty() || config.issuers.is_empty() {
        return Ok(Audience::Named(config.audiences.clone()));
    }
    if !config.preset.knows_resources() {
        return Err("this --authPreset needs --authAudience: what the provider calls the proxy, \
                    such as the id of its application"
            .to_owned());
    }
    let base = base.ok_or(
        "the audience of tokens is unknown, because the proxy listens on every address; give the \
         URL that clients use with --publicUrl, or the audience in tokens with --authAudience",
    )?;
    Ok(Audience::Endpoint { base: base.to_owned() })
}

/// The claims that are usually needed.
const USUAL_CLAIMS: [&str; 8] =
    ["azp", "client_id", "email", "groups", "name", "preferred_username", "roles", "tid"];

fn rules(config: &ResourceServerConfig, issuer: &str, audience: &Audience) -> Rules {
    let mut rules = Rules::new(issuer, audience.clone(), config.preset);
    rules.kept = USUAL_CLAIMS.map(str::to_owned).to_vec();
    rules.kept.extend(config.claims.iter().cloned());
    rules
}

fn url(text: &str, flag: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|_| format!("{flag} {text:?} is not a URL"))?;
    if is_safe(&url) { Ok(url) } else { Err(format!("{flag} {text:?} must be an HTTPS URL")) }
}

fn source(config: &ResourceServerConfig, issuer: &str) -> Result<Source, String> {
    match &config.jwks {
        None => Ok(Source::Discovered(url(issuer, "--auth")?)),
        Some(place) if place.contains("://") => Ok(Source::At(url(place, "--authJwks")?)),
        Some(path) if Path::new(path).is_file() => Ok(Source::File(path.into())),
        Some(path) => Err(format!("--authJwks {path:?} is neither a URL nor a file")),
    }
}
