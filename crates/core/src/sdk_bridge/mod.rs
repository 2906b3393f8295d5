//! The relay's rules for messages that another library carries.
//!
//! If SDK clients and SDK servers share one connection, the SDKs read and write the messages. This
//! module decides what passes, what is subscribed to, and who gets which notification.

mod gate;
mod open_calls;
mod shares;
mod tokens;

pub use gate::{Gate, Passage, untagged};
pub use open_calls::OpenCalls;
pub use shares::{LeaseId, ListenEnd, Reason, ShareEffect, Shares, Wish};
pub use tokens::ProgressTokens;
