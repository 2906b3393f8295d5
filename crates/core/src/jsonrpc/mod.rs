//! Raw JSON-RPC 2.0: messages are scanned once and edited in place, never rebuilt.
//!
//! Everything here is a function of bytes: no runtime, no clock, no locks.

mod batch;
mod envelope;
mod error;
mod fingerprint;
mod folding;
mod id;
mod json;
mod members;
#[cfg(any(test, feature = "internals"))]
pub(crate) mod oracle;
mod splice;
mod tolerant;

pub(crate) use batch::{Body, MAX_BATCH, MAX_SERVER_BATCH, split};
pub(crate) use envelope::{Invalid, Kind, MAX_ID, Message};
pub(crate) use error::{Code, ErrorBody};
pub(crate) use fingerprint::{Fingerprint, Fingerprints};
pub(crate) use folding::folds_to;
pub(crate) use id::{IdKey, Raw, echoes, own_number};
pub(crate) use json::{Span, decode_string, find_member, find_removal, string_text};
pub(crate) use members::{Cuts, Element, Entry, elements, members, named_elements};
pub(crate) use splice::{Assembly, Edit, Frame, Pieces, escape, spliced};
pub(crate) use tolerant::{Found, is_odd, search};

#[cfg(test)]
mod tests;
