//! Why a tunnel could not be opened. Failures of an open tunnel are logged and repaired instead.

use std::error::Error as StdError;

use reqwest::StatusCode;

/// A failure that a retry would not cure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The tunnel server's address is not an HTTP URL.
    #[error("the tunnel host {0:?} is not an http:// or https:// URL")]
    Host(String),
    /// The proxy's address is not a URL.
    #[error("the proxy for the tunnel is not a URL")]
    Proxy(#[source] reqwest::Error),
    /// The system has no usable CA certificates, as is common in small container images.
    #[error(
        "the tunnel server's certificate could not be checked: {0} (install the system's CA \
         certificates, or name a file with some in SSL_CERT_FILE)"
    )]
    Trust(#[source] rustls::Error),
    /// The HTTP client could not be set up.
    #[error("the tunnel's HTTP client could not be set up: {0}")]
    Client(String),
    /// The tunnel server refused; `message` is its own text.
    #[error("{message}")]
    Refused {
        /// Status of the answer.
        status: StatusCode,
        /// The server's text, or the status in words.
        message: String,
    },
    /// The answer is not that of a tunnel server.
    #[error("{host} did not answer like a tunnel server: {reason}")]
    Answer {
        /// The server that was asked.
        host: String,
        /// What was wrong with its answer.
        reason: String,
    },
}

/// An error and its causes on one line: libraries put the most useful part last.
pub(super) fn chain(error: &(dyn StdError + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
