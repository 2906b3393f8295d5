//! Why a measurement ended without a number.

use std::io;

/// A failed measurement. It is reported in the cell it belongs to; the run goes on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The contestant does not support what is measured; the reason in a word or two.
    #[error("{0}")]
    NotServed(&'static str),
    /// A wrong answer: another id, another text, another order.
    #[error("wrong answer: {0}")]
    Wrong(String),
    /// An HTTP answer other than success.
    #[error("HTTP {status}: {body}")]
    Status {
        /// The status code.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
    /// Nothing arrived within the limit.
    #[error("stalled")]
    Stalled,
    /// The connection or the process broke.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The longest part of a body that is quoted.
const QUOTED: usize = 120;

impl Failure {
    pub(crate) fn wrong(what: &str, body: &[u8]) -> Self {
        Self::Wrong(format!("{what}: {}", quote(body)))
    }

    pub(crate) fn status(status: u16, body: &[u8]) -> Self {
        Self::Status { status, body: quote(body) }
    }
}

impl From<tokio::time::error::Elapsed> for Failure {
    fn from(_: tokio::time::error::Elapsed) -> Self {
        Self::Stalled
    }
}

fn quote(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(QUOTED)]).into_owned()
}
