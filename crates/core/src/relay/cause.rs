//! Why an upstream has ended.

use crate::jsonrpc::{Code, ErrorBody};

/// The reason that is sent to every client whose call failed with the upstream's end.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    /// One sentence.
    pub(crate) message: String,
    /// Raw JSON object with details.
    pub(crate) data: Option<String>,
}

impl Cause {
    pub(crate) fn error(&self) -> ErrorBody {
        ErrorBody { code: Code::Internal, message: self.message.clone(), data: self.data.clone() }
    }
}
