//! The API key.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use subtle::ConstantTimeEq;

use super::{challenge::Challenge, reject::rpc_error, response::Response};
use crate::{config::AuthConfig, jsonrpc::Code};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const MISSING_KEY: &str = "Unauthorized: Invalid or missing API key";

/// Who may use the front.
#[derive(Debug)]
pub(super) struct Auth {
    config: AuthConfig,
}

impl Auth {
    pub(super) fn new(config: AuthConfig) -> Self {
        Self { config }
    }

    /// Whether the request carries the key, if there is one; compared in constant time.
    pub(super) fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(key) = &self.config.api_key else { return true };
        let mut given = headers.get_all(X_API_KEY).iter();
        match (given.next(), given.next()) {
            (Some(given), None) => given.as_bytes().ct_eq(key.as_bytes()).into(),
            _ => false,
        }
    }

    /// 401, with the challenge of RFC 6750.
    pub(super) fn refusal(&self) -> Response {
        let text = self.config.oauth.as_ref().and_then(|oauth| oauth.error_description.clone());
        let text = text.as_deref().unwrap_or(MISSING_KEY);
        let mut response = rpc_error(StatusCode::UNAUTHORIZED, Code::Unauthorized, text, None);
        let challenge = Challenge::api_key(&self.config, text).to_string();
        if let Ok(challenge) = HeaderValue::try_from(challenge) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(given: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in given {
            headers.append(X_API_KEY, value.parse().unwrap());
        }
        let config = AuthConfig { api_key: Some("secret".to_owned()), oauth: None };
        Auth::new(config).admits(&headers)
    }

    #[test]
    fn exactly_one_header_with_exactly_the_key_is_admitted() {
        assert!(admits(&["secret"]));
        assert!(!admits(&[]));
        assert!(!admits(&["Secret"]));
        assert!(!admits(&["secret2"]));
        assert!(!admits(&["secret", "secret"]));
    }

    #[test]
    fn everybody_is_admitted_without_a_key() {
        assert!(Auth::new(AuthConfig::default()).admits(&HeaderMap::new()));
    }
}
