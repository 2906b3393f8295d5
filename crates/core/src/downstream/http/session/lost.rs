//! Answers for calls whose replica was lost, or no longer has their session.

use bytes::Bytes;

use crate::jsonrpc::{Code, ErrorBody};

const MAY_HAVE_RUN: &str = "the replica that served this call was lost; the call may have run";

/// The error for the call with this raw id.
pub(crate) fn may_have_run(id: &[u8]) -> Bytes {
    ErrorBody::new(Code::Unavailable, MAY_HAVE_RUN).response(id)
}
