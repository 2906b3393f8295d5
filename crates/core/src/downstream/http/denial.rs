//! Answers for callers without the right key or scope, sent by the front and by programs that
//! refuse requests themselves.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use super::{
    challenge::Challenge,
    response::{Response, json},
};
use crate::{
    config::AuthConfig,
    jsonrpc::{Code, ErrorBody, escape},
};

const MISSING_KEY: &str = "Unauthorized: Invalid or missing API key";

/// See the module.
#[derive(Debug)]
pub struct Denial {
    /// The body, a JSON-RPC error.
    pub body: Bytes,
    /// `WWW-Authenticate`, if a challenge is configured.
    pub challenge: Option<String>,
}

impl Denial {
    /// For a missing or wrong key (401), with this message if given.
    pub fn unauthorized(config: &AuthConfig, message: Option<&str>) -> Self {
        let described = config.oauth.as_ref().and_then(|oauth| oauth.error_description.as_deref());
        let challenge = Challenge::api_key(config, described.unwrap_or(MISSING_KEY));
        let error = ErrorBody::new(Code::Unauthorized, message.unwrap_or(MISSING_KEY));
        Self { body: error.response(b"null"), challenge: Some(challenge.to_string()) }
    }

    /// For a token whose scopes do not suffice (403, RFC 6750 §3.1); `id` is that of the request,
    /// as JSON.
    pub fn insufficient_scope(
        config: &AuthConfig,
        required: &[String],
        description: Option<&str>,
        id: &[u8],
    ) -> Self {
        let description = description.filter(|text| !text.is_empty());
        let mut error = ErrorBody::new(Code::Scope, description.unwrap_or("Insufficient scope"));
        let scopes: Vec<String> = required.iter().map(|scope| escape(scope)).collect();
        error.data = Some(format!(
            r#"{{"error":"insufficient_scope","required_scopes":[{}]}}"#,
            scopes.join(",")
        ));
        let challenge = Challenge::scope(config, required, description);
        Self { body: error.response(id), challenge: challenge.map(|all| all.to_string()) }
    }

    /// The response for this denial.
    pub(super) fn into_response(self, status: StatusCode) -> Response {
        let mut response = json(status, self.body);
        if let Some(challenge) = self.challenge {
            announce(&mut response, &challenge);
        }
        response
    }
}

/// Adds a challenge to a response.
pub(super) fn announce(response: &mut Response, challenge: &str) {
    // A line break in a message would end the header field.
    let text = challenge.replace(['\r', '\n'], " ");
    if let Ok(text) = HeaderValue::try_from(text) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, text);
    }
}
