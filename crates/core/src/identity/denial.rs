//! Why a request is refused, as far as its sender is told.

use std::sync::Arc;

use http::StatusCode;

use super::audit::Explanation;
use crate::host::Refusal;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) enum Denial {
    /// The API key is missing or wrong (401).
    Key,
    /// The host refuses.
    Host(Refusal),
    /// A token is missing, invalid, or insufficient.
    Token {
        /// 401, 403, or 503 while tokens cannot be verified.
        status: StatusCode,
        /// The value of `WWW-Authenticate`, if another token would help.
        challenge: Option<String>,
        /// A fixed sentence for the body.
        message: &'static str,
        /// For the log, if there is more to say.
        why: Option<Arc<Explanation>>,
    },
}

impl Denial {
    /// A refusal that no other token would change.
    pub(crate) fn plain(status: StatusCode, message: &'static str) -> Self {
        Self::Token { status, challenge: None, message, why: None }
    }
}
