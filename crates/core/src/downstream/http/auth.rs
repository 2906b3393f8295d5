//! The API key.

use http::{HeaderMap, StatusCode};

use super::{
    challenge::Challenge,
    denial::{Denial, announce},
    header::API_KEY,
    reject::rpc_error,
    response::Response,
};
use crate::{config::AuthConfig, jsonrpc::Code};

/// Who may use the front.
#[derive(Debug)]
pub(super) struct Auth {
    config: AuthConfig,
}

impl Auth {
    pub(super) fn new(config: AuthConfig) -> Self {
        Self { config }
    }

    /// Whether there is a key.
    pub(super) fn has_key(&self) -> bool {
        self.config.api_key.is_some()
    }

    /// Whether the request carries the key, if there is one; compared in constant time.
    pub(super) fn admits(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(API_KEY).iter();
        match (given.next(), given.next()) {
            (Some(given), None) => self.config.admits(Some(given.as_bytes())),
            _ => self.config.admits(None),
        }
    }

    /// 401 for a caller that the host does not know or want.
    pub(super) fn unauthorized(&self, text: &str, id: &[u8]) -> Response {
        let mut response = rpc_error(StatusCode::UNAUTHORIZED, Code::Transport, text, Some(id));
        announce(&mut response, &Challenge::refused(&self.config, text).to_string());
        response
    }

    /// 403 for a token whose scopes do not suffice.
    pub(super) fn insufficient_scope(
        &self,
        required: &[String],
        description: Option<&str>,
        id: &[u8],
    ) -> Response {
        Denial::insufficient_scope(&self.config, required, description, id)
            .into_response(StatusCode::FORBIDDEN)
    }

    /// 401, with the challenge of RFC 6750.
    pub(super) fn refusal(&self) -> Response {
        Denial::unauthorized(&self.config, None).into_response(StatusCode::UNAUTHORIZED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(given: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in given {
            headers.append(API_KEY, value.parse().unwrap());
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
