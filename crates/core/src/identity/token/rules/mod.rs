//! What is accepted in one issuer's tokens.

mod preset;

use super::Seconds;
use crate::config::AuthPreset as Preset;

/// How far clocks may differ.
pub(crate) const SKEW: Seconds = 60;

/// The audience that tokens must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// One of these.
    Named(Vec<String>),
    /// The requested endpoint, below this URL; a token for one endpoint is not valid at another.
    Endpoint {
        /// The proxy's public URL, without a slash at the end.
        base: String,
    },
}

impl Audience {
    /// Whether a token with this audience could be used anywhere here.
    pub(crate) fn covers(&self, seen: &str) -> bool {
        match self {
            Self::Named(names) => names.iter().any(|name| name == seen),
            Self::Endpoint { base } => {
                let below = seen.strip_prefix(base.as_str());
                below.is_some_and(|path| path.is_empty() || path.starts_with('/'))
            }
        }
    }

    /// Whether a token with these audiences is valid at the endpoint with this path.
    pub(crate) fn admits(&self, path: &str, seen: &[String]) -> bool {
        match self {
            Self::Named(_) => true,
            Self::Endpoint { base } => {
                seen.iter().any(|one| one.strip_prefix(base.as_str()) == Some(path))
            }
        }
    }

    /// The audience that was expected at this path.
    pub(crate) fn expected(&self, path: &str) -> Vec<String> {
        match self {
            Self::Named(names) => names.clone(),
            Self::Endpoint { base } => vec![format!("{base}{path}")],
        }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// The issuer, as it appears in identities.
    pub(crate) issuer: String,
    /// The names that its tokens may use for it.
    pub(crate) spellings: Vec<String>,
    pub(crate) audience: Audience,
    pub(crate) preset: Preset,
    /// The claims that will be needed.
    pub(crate) kept: Vec<String>,
}

impl Rules {
    pub(crate) fn new(issuer: &str, audience: Audience, preset: Preset) -> Self {
        let audience = match audience {
            Audience::Named(names) => Audience::Named(preset.audiences(names)),
            endpoint @ Audience::Endpoint { .. } => endpoint,
        };
        Self {
            issuer: issuer.to_owned(),
            spellings: preset.issuers(issuer),
            audience,
            preset,
            kept: Vec::new(),
        }
    }
}
