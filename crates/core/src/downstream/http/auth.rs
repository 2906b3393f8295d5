//! The answers to callers who are not let in, as configured.

use http::StatusCode;

use super::{
    challenge::Challenge,
    denial::{Denial, announce},
    reject::rpc_error,
    response::Response,
};
use crate::{config::AuthConfig, jsonrpc::Code};

/// See the module.
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
        let listed = self.config.resource_server.as_ref().is_some_and(|own| own.tokens.is_some());
        self.config.api_key.is_some() || listed
    }

    /// 401 for a caller that the host does not accept.
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

    /// 401 for a missing or wrong key, with the challenge of RFC 6750.
    pub(super) fn refusal(&self) -> Response {
        Denial::unauthorized(&self.config, None).into_response(StatusCode::UNAUTHORIZED)
    }
}
