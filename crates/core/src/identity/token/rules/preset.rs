//! How identity providers deviate from RFC 9068, and which checks apply instead.
//!
//! A preset defines what to accept from one provider. It is never more permissive than that
//! provider's own documentation; most presets add a check, so that an ID token is not accepted as
//! an access token.

use serde_json::{Map, Value};

use crate::config::AuthPreset;

const ENTRA: &str = "https://login.microsoftonline.com/";

impl AuthPreset {
    /// The names that tokens may use for this issuer.
    pub(crate) fn issuers(self, issuer: &str) -> Vec<String> {
        let bare = issuer.trim_end_matches('/');
        match self {
            Self::Auth0 | Self::Authentik => vec![format!("{bare}/"), bare.to_owned()],
            Self::Google => vec![bare.to_owned(), "accounts.google.com".to_owned()],
            Self::Entra => {
                let tenant = bare.strip_prefix(ENTRA).map(|rest| rest.trim_end_matches("/v2.0"));
                let first = tenant.filter(|tenant| !tenant.contains('/'));
                let first = first.map(|tenant| format!("https://sts.windows.net/{tenant}/"));
                [issuer.to_owned()].into_iter().chain(first).collect()
            }
            _ => vec![issuer.to_owned()],
        }
    }

    /// The accepted audiences of tokens, from the configured ones.
    pub(crate) fn audiences(self, names: Vec<String>) -> Vec<String> {
        if self != Self::Entra {
            return names;
        }
        let both = |name: String| {
            let id = name.strip_prefix("api://").unwrap_or(&name).to_owned();
            // An app with a name of its own is identified only by that.
            if is_guid(&id) { vec![format!("api://{id}"), id] } else { vec![name] }
        };
        names.into_iter().flat_map(both).collect()
    }

    /// The claim that contains the audience.
    pub(crate) fn audience_claim(self) -> &'static str {
        if self == Self::Cognito { "client_id" } else { "aud" }
    }

    /// The claim whose words also count as scopes.
    pub(crate) fn further_scopes(self) -> Option<&'static str> {
        (self == Self::Auth0).then_some("permissions")
    }

    /// Why this is not an access token of the provider; `None` if it is one.
    pub(crate) fn objection(self, claims: &Map<String, Value>) -> Option<&'static str> {
        let is = |name: &str, value: &str| claims.get(name).is_some_and(|claim| claim == value);
        match self {
            Self::Entra if !claims.contains_key("scp") && !claims.contains_key("roles") => {
                Some("the token has neither scp nor roles, so it is not an access token of Entra")
            }
            Self::Keycloak if claims.contains_key("typ") && !is("typ", "Bearer") => Some(
                "the token's claim typ is not Bearer, so it is not an access token of Keycloak",
            ),
            Self::Cognito if !is("token_use", "access") => {
                Some("the token's token_use is not access, so it is not an access token of Cognito")
            }
            _ => None,
        }
    }
}

fn is_guid(text: &str) -> bool {
    uuid::Uuid::try_parse(text).is_ok() && text.len() == 36
}
