#![forbid(unsafe_code)]
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
#[doc(hidden)]
pub mod oracle;
mod splice;
mod tolerant;

pub use batch::{Body, MAX_BATCH, MAX_SERVER_BATCH, split};
pub use envelope::{Invalid, Kind, MAX_ID, Message};
pub use error::{Code, ErrorBody};
pub use fingerprint::{Fingerprint, Fingerprints};
pub use folding::folds_to;
pub use id::{IdKey, Raw, echoes, own_number};
pub use json::{Span, SyntaxError, decode_string, find_member, find_removal, string_text};
pub use members::{Cuts, Element, Entry, elements, members, named_elements};
pub use splice::{Assembly, Edit, Frame, Pieces, escape, spliced};
pub use tolerant::{Found, is_odd, search};

#[cfg(test)]
mod tests;
