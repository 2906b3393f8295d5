//! Checks all kinds of credentials in one order: API keys, static tokens, the issuer that a token
//! names, introspection. An invalid credential ends the search.

mod outside;
mod setup;

pub(crate) use outside::Outside;

use std::sync::Arc;

use http::{HeaderMap, header::AUTHORIZATION};

use super::{
    cache::{Cache, Hash, hash},
    credential::{Credential, X_API_KEY},
    introspection::Introspection,
    issuer::Issuer,
    metadata::ProtectedResource,
    mirror::Mirror,
    now,
    packed::Packed,
    recent::Recent,
    static_tokens::{Listed, Slot, TokenFile},
    token::{Audience, Because, Claims, Jws},
};

/// See the module.
#[derive(Debug)]
pub(crate) struct ResourceServer {
    issuers: Vec<Arc<Issuer>>,
    /// The issuers, as listed in the metadata.
    names: Vec<String>,
    introspection: Option<Introspection>,
    file: Option<TokenFile>,
    /// For a proxy without such a file.
    listed: Arc<Listed>,
    audience: Audience,
    /// The scopes that everything requires.
    scopes: Vec<String>,
    verified: Cache<Packed>,
    /// The caches of recent ones.
    recent: Recent,
    /// The first issuer's metadata, if they are mirrored here.
    mirror: Option<Arc<Mirror>>,
}

impl ResourceServer {
    /// Starts fetching what will be needed; needs a runtime.
    pub(crate) fn prepare(&self) {
        for issuer in &self.issuers {
            issuer.prepare();
        }
        if let Some(mirror) = &self.mirror {
            mirror.refresh();
        }
    }

    /// The caller of the endpoint at this path, without checking scopes.
    pub(crate) async fn authenticate(
        &self,
        headers: &HeaderMap,
        path: &str,
    ) -> Result<Arc<Claims>, Because> {
        let listed = self.listed();
        match Credential::of(headers, listed.has_keys())? {
            Credential::ApiKey(key) => Ok(Arc::new(listed.find(Slot::ApiKey, key, now())?)),
            Credential::Bearer(token) => {
                let claims = self.bearer(token, &listed, path).await?;
                if let Some(header) = lone(headers).filter(|_| self.is_verified(&claims)) {
                    self.recent.insert(header, Arc::clone(&claims));
                }
                Ok(claims)
            }
        }
    }

    /// The same for a caller whose token was verified recently.
    pub(crate) fn recognise(&self, headers: &HeaderMap, path: &str) -> Option<Arc<Claims>> {
        let claims = self.recent.get(lone(headers)?, now())?;
        self.audience.admits(path, &claims.audiences).then_some(claims)
    }

    /// Whether these claims only end by expiry, so that they need not be checked again.
    fn is_verified(&self, claims: &Claims) -> bool {
        claims.expires.is_some()
            && self.introspection.is_none()
            && self.issuers.iter().any(|issuer| issuer.rules.issuer == claims.issuer)
    }

    fn listed(&self) -> Arc<Listed> {
        self.file.as_ref().map_or_else(|| Arc::clone(&self.listed), TokenFile::listed)
    }

    async fn bearer(
        &self,
        token: &str,
        listed: &Listed,
        path: &str,
    ) -> Result<Arc<Claims>, Because> {
        let hash = hash(token);
        let elsewhere = |seen: &[String]| {
            let expected = self.audience.expected(path);
            Because::Audience { expected, seen: seen.to_vec() }
        };
        let claims = match self.known(&hash) {
            Some(claims) => claims,
            None => match listed.find_hash(Slot::Bearer, hash, now()) {
                Ok(claims) => return Ok(Arc::new(claims)),
                Err(lapsed @ Because::Lapsed(_)) => return Err(lapsed),
                Err(unknown) if self.issuers.is_empty() => return Err(unknown),
                Err(_) => {
                    Box::pin(self.verified(token, hash)).await.map_err(|because| match because {
                        Because::Audience { seen, .. } => elsewhere(&seen),
                        other => other,
                    })?
                }
            },
        };
        if self.audience.admits(path, &claims.audiences) {
            return Ok(claims);
        }
        Err(elsewhere(&claims.audiences))
    }

    /// Checks a token that is not in the cache.
    async fn verified(&self, token: &str, hash: Hash) -> Result<Arc<Claims>, Because> {
        if !Jws::looks_like(token) {
            let introspection = self.introspection.as_ref().ok_or(Because::Opaque)?;
            return introspection.ask(token, hash).await;
        }
        let read = Jws::parse(token)?;
        let claimed = read.claimed_issuer().ok_or(Because::Claim("iss"))?.to_owned();
        let is_named = |issuer: &Arc<Issuer>| issuer.rules.spellings.contains(&claimed);
        let place = self.issuers.iter().position(is_named);
        let place = place.ok_or_else(|| Because::Issuer {
            expected: self
                .issuers
                .iter()
                .flat_map(|issuer| issuer.rules.spellings.clone())
                .collect(),
            seen: claimed.clone(),
        })?;
        let mut claims = self.issuers[place].verify(&read).await?;
        // A token for another resource is useless here.
        claims.audiences.retain(|audience| self.audience.covers(audience));
        if let Some(packed) = Packed::of(place, &claims) {
            let (bytes, until) = (packed.bytes(), claims.valid_until());
            self.verified.insert(hash, packed, bytes, until);
        }
        Ok(Arc::new(claims))
    }

    /// The verified claims of this token.
    fn known(&self, hash: &Hash) -> Option<Arc<Claims>> {
        let packed = self.verified.get(hash, now())?;
        let issuer = self.issuers.get(packed.issuer())?;
        packed.claims(&issuer.rules.issuer).map(Arc::new)
    }

    /// The first issuer's metadata, if they are mirrored.
    pub(crate) fn mirror(&self) -> Option<&Arc<Mirror>> {
        self.mirror.as_ref()
    }

    /// The scopes that everything requires.
    pub(crate) fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// The metadata of the endpoint with this URL; `None` if there is no issuer to name.
    pub(crate) fn describe(&self, resource: String, scopes: &[String]) -> Option<String> {
        let document = ProtectedResource::new(resource, &self.names, scopes);
        (!self.names.is_empty()).then(|| document.to_json())
    }

    /// The proxy's public URL, if tokens depend on it.
    pub(crate) fn has_issuers(&self) -> bool {
        !self.names.is_empty()
    }
}

/// The only credential of a request, raw.
fn lone(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    (!headers.contains_key(X_API_KEY)).then(|| value.as_bytes())
}

#[cfg(test)]
mod tests;
