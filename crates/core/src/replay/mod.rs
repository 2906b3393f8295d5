//! Plays recordings: as a server, and as the client of one.
//!
//! A recording is read into a [`Script`]: the clients' calls, and everything that they received for
//! them. As a server, the player looks for a call with the same method and parameters and replays
//! its messages, with new ids and progress tokens. As a client, it makes the calls again and
//! compares the answers.

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
