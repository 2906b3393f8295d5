//! Recordings played back: as a server, and as the client of one.
//!
//! A recording is read into a [`Script`]: what clients asked, and everything they were sent for it.
//! As a server, the script is looked through for a call with the same method and parameters; ids,
//! progress tokens and the ids of questions are given again. As a client, its calls are made again
//! and the answers are compared.

mod difference;
mod player;
mod reading;
mod report;
mod script;
mod spelling;
mod verify;

pub use player::Player;
pub use reading::{Unreadable, look_at_recording};
pub use report::{Form, Report};
pub use verify::{Verified, verify};

pub(crate) use difference::{Difference, Ignored, differences};
