//! Why a request is not let in, as far as its sender is told.

use crate::host::Refusal;

/// See the module. What is for the log is logged by whoever decided.
#[derive(Clone, Debug)]
pub(crate) enum Denial {
    /// The API key is missing or wrong (401).
    Key,
    /// The host refuses.
    Host(Refusal),
    /// A token is missing, not good, or does not suffice.
    Token {
        /// 401 or 403.
        status: http::StatusCode,
        /// The value of `WWW-Authenticate`.
        challenge: String,
        /// One constant sentence for the body.
        message: &'static str,
    },
}
