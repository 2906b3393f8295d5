//! Reading a server's line that is not exactly a message, where what is meant is beyond doubt.
//!
//! Only for what servers write: what a client writes is read strictly, because there it decides who
//! gets what. Everything here is off the usual road, which tries the strict reading first.

mod broken;
mod mend;
mod search;

pub(crate) use search::search;

#[cfg(test)]
mod tests;
