//! Finds what is wrong with a server's messages; functions of values.

pub(super) mod entries;
pub(super) mod introduction;
pub(super) mod output;
pub(super) mod schema;
pub(super) mod stderr;
pub(super) mod text;
pub(super) mod words;
