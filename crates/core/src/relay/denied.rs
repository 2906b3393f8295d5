//! Why a request is refused before it reaches a server, for reasons that have an HTTP status.

use std::time::Duration;

use crate::jsonrpc::{Code, ErrorBody, escape};

const TOO_OFTEN: &str = "Too many calls of this tool; try again later";

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// The credentials lack scopes; all of these are required (403).
    Scope(Vec<String>),
    /// The caller calls too often, or has too many calls at a time (429).
    TooOften {
        /// When a retry makes sense.
        retry_after: Duration,
    },
    /// No server can take it now (503).
    Unavailable(ErrorBody),
}

impl Denied {
    /// Whole seconds until a retry makes sense, at least one.
    pub(crate) fn seconds(retry_after: Duration) -> u64 {
        retry_after.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX)
    }

    /// The answer to the request.
    pub(crate) fn error(&self) -> ErrorBody {
        match self {
            Self::Scope(required) => {
                let mut error = ErrorBody::new(Code::Scope, "Insufficient scope");
                let scopes: Vec<String> = required.iter().map(|scope| escape(scope)).collect();
                error.data = Some(format!(
                    r#"{{"error":"insufficient_scope","required_scopes":[{}]}}"#,
                    scopes.join(",")
                ));
                error
            }
            Self::TooOften { retry_after } => {
                let mut error = ErrorBody::new(Code::Unavailable, TOO_OFTEN);
                let seconds = Self::seconds(*retry_after);
                error.data = Some(format!(r#"{{"retryAfterSeconds":{seconds}}}"#));
                error
            }
            Self::Unavailable(error) => error.clone(),
        }
    }
}
