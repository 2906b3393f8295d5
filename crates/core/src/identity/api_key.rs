//! The API key: one key that all callers share.

use futures_util::future::{BoxFuture, ready};
use http::{HeaderMap, HeaderName, header::AUTHORIZATION, request::Parts};

use super::{Authenticator, Denial, Endpoint, Identity};
use crate::config::AuthConfig;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// See the module. As all share it, its holder is nobody in particular.
#[derive(Debug)]
pub(crate) struct ApiKey(AuthConfig);

impl ApiKey {
    /// Checks the key of this configuration, if it has one.
    pub(crate) fn new(config: AuthConfig) -> Self {
        Self(config)
    }

    /// Whether a request has the key: in `X-API-Key`, or, if that is missing, as a Bearer token,
    /// which is what the challenge asks for. Compared in constant time.
    pub(crate) fn admits(&self, headers: &HeaderMap) -> bool {
        if self.0.api_key.is_none() {
            return true;
        }
        let mut keys = headers.get_all(API_KEY).iter();
        let given = match (keys.next(), keys.next()) {
            (None, _) => bearer(headers),
            (Some(key), None) => Some(key.as_bytes()),
            (Some(_), Some(_)) => None,
        };
        self.0.admits(given)
    }
}

/// The token, if there is exactly one `Authorization` header.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.as_bytes().split_at_checked(b"Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

impl Authenticator for ApiKey {
    fn authenticate<'a>(
        &'a self,
        head: &'a Parts,
        _endpoint: &'a Endpoint<'a>,
    ) -> BoxFuture<'a, Result<Identity, Denial>> {
        let admitted = self.admits(&head.headers);
        Box::pin(ready(if admitted { Ok(Identity::default()) } else { Err(Denial::Key) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn admits(given: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(*name, value.parse().unwrap());
        }
        let config = AuthConfig { api_key: Some(Secret::new("secret")), ..AuthConfig::default() };
        ApiKey::new(config).admits(&headers)
    }

    #[test]
    fn exactly_one_header_with_exactly_the_key_is_admitted() {
        assert!(admits(&[("x-api-key", "secret")]));
        assert!(!admits(&[]));
        assert!(!admits(&[("x-api-key", "Secret")]));
        assert!(!admits(&[("x-api-key", "secret2")]));
        assert!(!admits(&[("x-api-key", "secret"), ("x-api-key", "secret")]));
    }

    #[test]
    fn a_bearer_token_counts_where_there_is_no_header_for_the_key() {
        assert!(admits(&[("authorization", "Bearer secret")]));
        assert!(admits(&[("authorization", "bearer  secret ")]));
        assert!(!admits(&[("authorization", "Bearer wrong")]));
        assert!(!admits(&[("authorization", "Basic secret")]));
        assert!(!admits(&[("authorization", "secret")]));
        assert!(!admits(&[("authorization", "Bearer secret"), ("authorization", "Bearer secret")]));
    }

    #[test]
    fn the_header_for_the_key_decides_alone() {
        assert!(admits(&[("x-api-key", "secret"), ("authorization", "Bearer somebody")]));
        assert!(!admits(&[("x-api-key", "wrong"), ("authorization", "Bearer secret")]));
        assert!(!admits(&[("x-api-key", ""), ("authorization", "Bearer secret")]));
    }

    #[test]
    fn everybody_is_admitted_without_a_key() {
        assert!(ApiKey::new(AuthConfig::default()).admits(&HeaderMap::new()));
    }
}
