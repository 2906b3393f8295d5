//! The claims of a verified token, stored compactly while they are not used.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Claims, token::Seconds};

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    /// The index of its issuer; issuers' names are long.
    issuer: u16,
    text: Arc<[u8]>,
}

/// The other claims. A verified token is never unrestricted.
#[derive(Deserialize, Serialize)]
struct Rest {
    #[serde(rename = "s")]
    subject: String,
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    audiences: Vec<String>,
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    #[serde(rename = "e")]
    expires: Option<Seconds>,
    #[serde(rename = "k", default, skip_serializing_if = "Map::is_empty")]
    kept: Map<String, Value>,
}

impl Packed {
    /// Packs an issuer's claims; `None` if the issuer is not in the list.
    pub(super) fn of(issuer: usize, claims: &Claims) -> Option<Self> {
        let Claims { subject, audiences, scopes, expires, kept, .. } = claims.clone();
        let rest = Rest { subject, audiences, scopes, expires, kept };
        let text = serde_json::to_vec(&rest).ok()?.into();
        Some(Self { issuer: issuer.try_into().ok()?, text })
    }

    /// The index of the issuer.
    pub(super) fn issuer(&self) -> usize {
        self.issuer.into()
    }

    /// Its size in memory.
    pub(super) fn bytes(&self) -> usize {
        self.text.len() + 2 * size_of::<usize>()
    }

    /// Unpacks the claims; `issuer` is the name for its index.
    pub(super) fn claims(&self, issuer: &str) -> Option<Claims> {
        let Rest { subject, audiences, scopes, expires, kept } =
            serde_json::from_slice(&self.text).ok()?;
        Some(Claims { audiences, scopes, expires, kept, ..Claims::new(issuer, subject) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_packed_comes_out_as_it_was() {
        let bare = Claims { expires: Some(7), ..Claims::new("https://idp", "al\"ice\u{e9}") };
        let kept = json!({ "groups": ["a", 1, null], "email": "a@b", "deep": { "x": [true] } });
        let full = Claims {
            audiences: vec!["https://h/mcp".to_owned()],
            scopes: vec!["a".to_owned(), "b".to_owned()],
            kept: kept.as_object().cloned().unwrap(),
            ..bare.clone()
        };
        for claims in [bare, full] {
            let packed = Packed::of(3, &claims).unwrap();
            assert_eq!(packed.issuer(), 3);
            assert_eq!(packed.claims("https://idp"), Some(claims));
            assert!(packed.bytes() < 250, "{}", packed.bytes());
        }
        assert!(Packed::of(70_000, &Claims::new("i", "s")).is_none());
    }
}
