//! Tokens in exchange for another party's statement: about a workload (RFC 7523, "jwt-bearer"), or
//! about a user, whose organisation's server turns an ID token into an assertion for this
//! authorization server (RFC 8693, identity assertion grant).

use std::{fs, path::Path};

use reqwest::Url;

use super::{discovery::Grantor, grant::TokenEndpoint, store::Grant, token::Refusal};
use crate::{config::IdentityProvider, identity::well_known::is_safe};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const ASSERTION: &str = "urn:ietf:params:oauth:token-type:id-jag";

/// The assertion in this file. It is read each time, since its issuer replaces it before it
/// expires.
pub(super) fn assertion(path: &Path) -> Result<String, String> {
    let text = fs::read_to_string(path)
        .map_err(|error| format!("the assertion in {} cannot be read: {error}", path.display()))?;
    let text = text.trim();
    if text.is_empty() { Err(format!("{} is empty", path.display())) } else { Ok(text.to_owned()) }
}

impl TokenEndpoint<'_> {
    /// A token for an assertion.
    pub(super) async fn vouched(&self, assertion: &str) -> Result<Grant, Refusal> {
        let mut form = vec![("grant_type", JWT_BEARER), ("assertion", assertion)];
        form.extend(self.scope());
        self.grant(self.ask(form).await?, None)
    }

    /// Exchanges an ID token at the organisation's own server for an assertion for `grantor`.
    pub(super) async fn exchanged(
        &self,
        id_token: &str,
        grantor: &Grantor,
    ) -> Result<String, Refusal> {
        let form = vec![
            ("grant_type", TOKEN_EXCHANGE),
            ("requested_token_type", ASSERTION),
            ("audience", grantor.server.issuer.as_str()),
            ("subject_token", id_token),
            ("subject_token_type", ID_TOKEN),
        ];
        Ok(self.ask(form).await?.access)
    }
}

/// The token endpoint that exchanges an ID token.
pub(super) fn place(provider: &IdentityProvider) -> Result<&str, String> {
    let url = provider.token_endpoint.parse::<Url>().ok().filter(is_safe);
    let shown = &provider.token_endpoint;
    url.map(|_| shown.as_str()).ok_or_else(|| format!("{shown:?} is not an HTTPS URL"))
}
