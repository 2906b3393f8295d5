//! Fronts that clients connect to.

pub(crate) mod http;
pub(crate) mod stdio;
