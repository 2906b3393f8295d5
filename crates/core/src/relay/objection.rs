//! Why a request goes no further, and how it is told.

use super::{Denied, Reply};
use crate::jsonrpc::ErrorBody;

/// The answer to a request that is refused before it reaches a server.
#[derive(Clone, Debug)]
pub(crate) enum Objection {
    /// One with a status of its own in HTTP.
    Denied(Denied),
    /// An error that a server could have answered with, too.
    Error(ErrorBody),
}

impl Objection {
    pub(crate) fn answer(&self, reply: Option<Reply>) {
        let Some(reply) = reply else { return };
        match self {
            Self::Denied(denied) => reply.deny(denied),
            Self::Error(error) => reply.error(error),
        }
    }
}
