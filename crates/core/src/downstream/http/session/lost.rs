//! Calls whose replica was lost, or does not have their session any more.

use bytes::Bytes;

use crate::jsonrpc::{Code, ErrorBody};

const MAY_HAVE_RUN: &str = "the replica that served this call was lost; the call may have run";

/// What is said of the call with this raw id.
pub(crate) fn may_have_run(id: &[u8]) -> Bytes {
    ErrorBody::new(Code::Unavailable, MAY_HAVE_RUN).response(id)
}
