//! `auth`: whose access tokens are accepted, and for what.

use mcp_proxy_core::{
    config::{AuthPreset, Policy, ResourceServerConfig},
    fleet,
};
use serde_json::{Map, Value};

use super::given::{Either, Given, Word, Words, Wrong};

/// The members of [`Policy`] that have the same form everywhere.
const POLICY: [&str; 5] = ["claims", "concurrency", "forwardIdentity", "rate", "tools"];

impl Words for AuthPreset {
    const ALL: &'static [(&'static str, Self)] = &Self::NAMES;
}

/// The configuration in `auth`, if it is set.
pub(super) fn tokens(given: &Given) -> Result<(Option<ResourceServerConfig>, Policy), Wrong> {
    let Some(given) = given.take::<Given>("auth")? else {
        return Ok((None, Policy::default()));
    };
    let given = given.named("auth.");
    let policy = policy(&given)?;
    let text = |name| Ok::<_, Wrong>(given.take::<String>(name)?.filter(|text| !text.is_empty()));
    let config = ResourceServerConfig {
        issuers: some(&given, "issuer")?,
        preset: given.take::<Word<AuthPreset>>("preset")?.map(|word| word.0).unwrap_or_default(),
        audiences: some(&given, "audience")?,
        public_url: text("publicUrl")?,
        scopes: given.take("scopes")?.unwrap_or_default(),
        jwks: text("jwks")?,
        introspection: text("introspect")?,
        tokens: text("tokens")?.map(Into::into),
        mirror: given.take("mirror")?.unwrap_or_default(),
        claims: policy.named_claims().map(str::to_owned).collect(),
    };
    if config.issuers.is_empty() && config.tokens.is_none() {
        return Err("option \"auth\" needs \"issuer\" or \"tokens\"".to_owned());
    }
    Ok((Some(config), policy))
}

/// One text or several.
fn some(given: &Given, name: &str) -> Result<Vec<String>, Wrong> {
    let all = match given.take::<Either<String, Vec<String>>>(name)? {
        Some(Either::This(one)) => vec![one],
        Some(Either::That(all)) => all,
        None => Vec::new(),
    };
    Ok(all.into_iter().filter(|text| !text.is_empty()).collect())
}

fn policy(given: &Given) -> Result<Policy, Wrong> {
    let mut written = Map::new();
    for name in POLICY {
        if let Some(value) = given.raw(name) {
            written.insert(name.to_owned(), value.clone());
        }
    }
    let read = fleet::policy(&Value::Object(written));
    read.map_err(|why| format!("option \"auth\" is wrong: {why}"))
}
