//! `AuthenticationMiddleware`: the core's key check and its answers, for requests that JavaScript
//! refuses itself.
#![expect(clippy::needless_pass_by_value, reason = "Node-API hands arguments over by value")]

use std::collections::HashMap;

use mcp_proxy_core::{Denial, config::AuthConfig};
use napi::{
    Env,
    bindgen_prelude::{Either, Object, Unknown},
};
use napi_derive::napi;
use serde_json::Value;

use crate::{
    invalid::invalid,
    options::{authentication, challenged},
};

/// See the module.
#[derive(Debug)]
#[napi]
pub struct AuthenticationMiddleware(AuthConfig);

/// The answer for a missing key.
#[derive(Debug)]
#[napi(object)]
pub struct Unauthorized {
    /// The body, as JSON.
    pub body: String,
    /// Header fields.
    pub headers: HashMap<String, String>,
}

/// The answer for missing scopes.
#[derive(Debug)]
#[napi(object)]
pub struct ScopeChallenge {
    /// The body, as JSON.
    pub body: String,
    /// Header fields.
    pub headers: HashMap<String, String>,
    /// The status.
    pub status_code: u16,
}

impl From<Denial> for Unauthorized {
    fn from(Denial { body, challenge }: Denial) -> Self {
        let challenge = challenge.map(|challenge| ("WWW-Authenticate".to_owned(), challenge));
        let content = ("Content-Type".to_owned(), "application/json".to_owned());
        Self {
            body: String::from_utf8_lossy(&body).into_owned(),
            headers: [content].into_iter().chain(challenge).collect(),
        }
    }
}

#[napi]
impl AuthenticationMiddleware {
    /// For this configuration.
    #[napi(constructor)]
    pub fn new(env: Env, config: Option<Value>) -> napi::Result<Self> {
        let config = authentication(config)
            .map_err(|wrong| invalid(env, "AuthenticationMiddleware", &wrong))?;
        Ok(Self(config))
    }

    /// Whether a request has the key, if one is needed.
    #[napi]
    pub fn validate_request(&self, request: Object<'_>) -> napi::Result<bool> {
        let headers = request.get::<Object<'_>>("headers")?;
        let given = headers.map(|headers| headers.get::<Either<String, Unknown<'_>>>("x-api-key"));
        Ok(match given.transpose()?.flatten() {
            Some(Either::A(key)) => self.0.admits(Some(key.as_bytes())),
            _ => self.0.admits(None),
        })
    }

    /// The answer for a missing key; `parameters` replace the configured ones.
    #[napi]
    pub fn get_unauthorized_response(
        &self,
        env: Env,
        parameters: Option<Value>,
    ) -> napi::Result<Unauthorized> {
        let (config, message) = challenged(&self.0, parameters)
            .map_err(|wrong| invalid(env, "getUnauthorizedResponse", &wrong))?;
        Ok(Denial::unauthorized(&config, message.as_deref()).into())
    }

    /// The answer if these scopes are missing.
    #[napi]
    pub fn get_scope_challenge_response(
        &self,
        required: Vec<String>,
        description: Option<String>,
        id: Option<Value>,
    ) -> ScopeChallenge {
        let id = id.unwrap_or_default().to_string();
        let description = description.as_deref();
        let denial = Denial::insufficient_scope(&self.0, &required, description, id.as_bytes());
        let Unauthorized { body, headers } = denial.into();
        ScopeChallenge { body, headers, status_code: 403 }
    }
}
