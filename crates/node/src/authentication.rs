//! `AuthenticationMiddleware`: the core's key check and its answers, for requests that JavaScript
//! refuses itself.
#![expect(clippy::needless_pass_by_value, reason = "Node-API hands arguments over by value")]

use mcp_proxy_core::Denial;
use napi::Status;
use napi_derive::napi;

use crate::options::{Wrong, authentication};

/// Body and challenge of an answer.
#[derive(Debug)]
#[napi(object)]
pub struct DenialParts {
    /// The body.
    pub body: String,
    /// `WWW-Authenticate`, if it has one.
    pub challenge: Option<String>,
}

impl From<Denial> for DenialParts {
    fn from(Denial { body, challenge }: Denial) -> Self {
        Self { body: String::from_utf8_lossy(&body).into_owned(), challenge }
    }
}

fn invalid(wrong: Wrong) -> napi::Error {
    napi::Error::new(Status::InvalidArg, format!("AuthenticationMiddleware: {wrong}"))
}

/// Whether this key is the one of this configuration, given as JSON.
#[napi]
pub fn admits(config: String, key: Option<String>) -> napi::Result<bool> {
    let (config, _) = authentication(&config, "{}").map_err(invalid)?;
    Ok(config.admits(key.as_deref().map(str::as_bytes)))
}

/// The answer for want of a key; `parameters` take the place of those configured.
#[napi]
pub fn unauthorized(config: String, parameters: String) -> napi::Result<DenialParts> {
    let (config, message) = authentication(&config, &parameters).map_err(invalid)?;
    Ok(Denial::unauthorized(&config, message.as_deref()).into())
}

/// The answer for want of these scopes, to the request with this raw id.
#[napi]
pub fn insufficient_scope(
    config: String,
    required: Vec<String>,
    description: Option<String>,
    id: String,
) -> napi::Result<DenialParts> {
    let (config, _) = authentication(&config, "{}").map_err(invalid)?;
    let description = description.as_deref();
    Ok(Denial::insufficient_scope(&config, &required, description, id.as_bytes()).into())
}
