//! An identity in the form that replicas exchange.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Claims, Identity, Who, token::Seconds};

/// See the module. The reader must trust its source.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Portable {
    Nobody,
    /// The unchecked credentials, in base64.
    Unverified(String),
    Somebody {
        issuer: String,
        subject: String,
        audiences: Vec<String>,
        /// In order, each once.
        scopes: Vec<String>,
        unrestricted: bool,
        expires: Option<Seconds>,
        kept: Map<String, Value>,
    },
}

impl From<&Identity> for Portable {
    fn from(identity: &Identity) -> Self {
        match &identity.0 {
            Who::Nobody => Self::Nobody,
            Who::Unverified(presented) => Self::Unverified(URL_SAFE_NO_PAD.encode(presented)),
            Who::Somebody(claims) => {
                let Claims { issuer, subject, audiences, scopes, unrestricted, expires, kept } =
                    Claims::clone(claims);
                Self::Somebody { issuer, subject, audiences, scopes, unrestricted, expires, kept }
            }
        }
    }
}

impl Portable {
    /// `None` if it is malformed.
    pub(crate) fn identity(self) -> Option<Identity> {
        Some(match self {
            Self::Nobody => Identity::default(),
            Self::Unverified(presented) => {
                let presented = URL_SAFE_NO_PAD.decode(presented).ok()?;
                Identity(Who::Unverified(presented.into()))
            }
            Self::Somebody { issuer, subject, audiences, scopes, unrestricted, expires, kept } => {
                Claims { issuer, subject, audiences, scopes, unrestricted, expires, kept }.into()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, header::AUTHORIZATION};

    use super::*;

    fn through(identity: &Identity) -> Identity {
        let text = serde_json::to_string(&Portable::from(identity)).unwrap();
        serde_json::from_str::<Portable>(&text).unwrap().identity().unwrap()
    }

    #[test]
    fn whoever_it_is_stays_the_same() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, "Bearer a".parse().unwrap());
        let claims = Claims {
            audiences: vec!["x".to_owned()],
            scopes: vec!["a".to_owned(), "b".to_owned()],
            expires: Some(1_900_000_000),
            kept: Map::from_iter([("name".to_owned(), Value::from("ä\u{0}"))]),
            ..Claims::new("https://i", "sub\nject")
        };
        for identity in [
            Identity::default(),
            Identity::default().or_presented(&headers),
            Identity::from(claims),
        ] {
            let told = through(&identity);
            assert_eq!(told, identity);
            assert_eq!(told.claims(), identity.claims());
        }
    }
}
