//! Reads a server's line that is not exactly a message if its meaning is beyond doubt.
//!
//! Only for lines of servers: clients' messages are parsed strictly, because they decide who gets
//! what. Everything here is a fallback after strict parsing.

mod broken;
mod error_form;
mod mend;
mod search;

pub use error_form::is_odd;
pub use search::{Found, search};

#[cfg(test)]
mod tests;
