//! The claims of a token, after it was verified.

use serde_json::{Map, Value};

use super::{Because, Seconds};
use crate::config::AuthPreset;

/// The claims of a token that was verified.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Claims {
    /// The issuer, in the spelling that identities use.
    pub(crate) issuer: String,
    /// The subject, unique for the issuer.
    pub(crate) subject: String,
    pub(crate) audiences: Vec<String>,
    /// In order, each once.
    pub(crate) scopes: Vec<String>,
    /// Allows every scope: an API key to which the operator gave no scopes.
    pub(crate) unrestricted: bool,
    /// Its expiry; `None` only if it is checked elsewhere.
    pub(crate) expires: Option<Seconds>,
    /// The claims that will be needed.
    pub(crate) kept: Map<String, Value>,
}

impl Claims {
    /// A subject about which nothing else is known.
    pub(crate) fn new(issuer: impl Into<String>, subject: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            subject: subject.into(),
            audiences: Vec::new(),
            scopes: Vec::new(),
            unrestricted: false,
            expires: None,
            kept: Map::new(),
        }
    }

    /// Whether it has all of these scopes; if not, the missing ones.
    pub(crate) fn check_scopes(&self, needed: &[String]) -> Result<(), Because> {
        if self.unrestricted {
            return Ok(());
        }
        let lacks = |scope: &&String| self.scopes.binary_search(scope).is_err();
        let missing: Vec<String> = needed.iter().filter(lacks).cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Because::Scope { required: needed.to_vec(), missing })
    }

    /// Whether the token has expired.
    pub(crate) fn valid_until(&self) -> Seconds {
        self.expires.map_or(Seconds::MAX, |expires| expires.saturating_add(super::SKEW))
    }
}

/// Reads claims by name and type, in one way only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<'a>(pub(crate) &'a Map<String, Value>);

impl Reading<'_> {
    pub(crate) fn text(self, name: &'static str) -> Result<String, Because> {
        match self.0.get(name) {
            // It is used in variables and in the log.
            Some(Value::String(text)) if !text.is_empty() && !text.contains(char::is_control) => {
                Ok(text.clone())
            }
            _ => Err(Because::Claim(name)),
        }
    }

    /// A point in time, if there is one; fractions of seconds are cut off.
    pub(crate) fn time(self, name: &'static str) -> Result<Option<Seconds>, Because> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        if let Some(seconds) = value.as_u64() {
            return Ok(Some(seconds));
        }
        match value.as_f64() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "within the range where every whole number is exact"
            )]
            Some(seconds) if (0.0..9e15).contains(&seconds) => Ok(Some(seconds as Seconds)),
            _ => Err(Because::Claim(name)),
        }
    }

    /// A text or a list of texts.
    pub(crate) fn list(self, name: &'static str) -> Result<Option<Vec<String>>, Because> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(vec![text.clone()])),
            Some(Value::Array(all)) => {
                let all: Option<Vec<String>> = all.iter().map(text).collect();
                all.map(Some).ok_or(Because::Claim(name))
            }
            Some(_) => Err(Because::Claim(name)),
        }
    }

    /// The scopes of the token: `scope` or `scp`, which must agree if both are present; `roles` if
    /// neither is, as in tokens that Entra issues to programs.
    pub(crate) fn scopes(self, preset: AuthPreset) -> Result<Vec<String>, Because> {
        let scope = self.words("scope")?;
        let scp = self.words("scp")?;
        let mut scopes = match (scope, scp) {
            (Some(scope), Some(scp)) if scope != scp => {
                return Err(Because::Ambiguous("a token whose scope and scp differ"));
            }
            (Some(scopes), _) | (None, Some(scopes)) => scopes,
            (None, None) => self.words("roles")?.unwrap_or_default(),
        };
        if let Some(further) = preset.further_scopes() {
            scopes.extend(self.words(further)?.unwrap_or_default());
        }
        scopes.sort_unstable();
        scopes.dedup();
        Ok(scopes)
    }

    /// The words of a claim, sorted; a list or a text with spaces.
    fn words(self, name: &'static str) -> Result<Option<Vec<String>>, Because> {
        let Some(all) = self.list(name)? else { return Ok(None) };
        let words = all.iter().flat_map(|text| text.split(' ')).filter(|word| !word.is_empty());
        let mut words: Vec<String> = words.map(str::to_owned).collect();
        words.sort_unstable();
        Ok(Some(words))
    }

    /// The claims with these names.
    pub(crate) fn kept(self, names: &[String]) -> Map<String, Value> {
        let kept = names.iter().filter_map(|name| Some((name.clone(), self.0.get(name)?.clone())));
        kept.collect()
    }
}
