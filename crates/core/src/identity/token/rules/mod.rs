//! What is accepted of one issuer's tokens.

mod preset;

use super::Seconds;
use crate::config::AuthPreset as Preset;

/// How far clocks may differ.
pub(crate) const SKEW: Seconds = 60;

/// The audience that tokens require.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// One of these.
    Named(Vec<String>),
    /// The endpoint that is asked, below this URL; that of one endpoint is no good at another.
    Endpoint {
        /// The proxy as it is seen from outside, without a slash at the end.
        base: String,
    },
}

impl Audience {
    /// Whether any token for this could be used here.
    pub(crate) fn covers(&self, seen: &str) -> bool {
        match self {
            Self::Named(names) => names.iter().any(|name| name == seen),
            Self::Endpoint { base } => {
                let below = seen.strip_prefix(base.as_str());
                below.is_some_and(|path| path.is_empty() || path.starts_with('/'))
            }
        }
    }

    /// Whether a token that is for these is good at the endpoint with this path.
    pub(crate) fn admits(&self, path: &str, seen: &[String]) -> bool {
        match self {
            Self::Named(_) => true,
            Self::Endpoint { base } => {
                seen.iter().any(|one| one.strip_prefix(base.as_str()) == Some(path))
            }
        }
    }

    /// What was expected at this path.
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
    /// The issuer, as its users are to be known.
    pub(crate) issuer: String,
    /// What its tokens may call it.
    pub(crate) spellings: Vec<String>,
    pub(crate) audience: Audience,
    pub(crate) preset: Preset,
    /// Claims that somebody will ask for.
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
