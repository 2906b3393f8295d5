//! Why an upstream is gone.

use crate::jsonrpc::{Code, ErrorBody};

/// What is told to every client whose call an upstream's end has cut short.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    /// One sentence.
    pub(crate) message: String,
    /// Raw JSON object with the particulars.
    pub(crate) data: Option<String>,
}

impl Cause {
    pub(crate) fn error(&self) -> ErrorBody {
        ErrorBody { code: Code::Internal, message: self.message.clone(), data: self.data.clone() }
    }
}
