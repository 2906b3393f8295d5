//! The target of a single request: the servers of a file, or the one that was typed.

use super::{fleet, upstream};
use crate::{
    args::{Typed, UsageError},
    calling::Answering,
};

/// See the module.
pub(super) fn answering(typed: &Typed) -> Result<Answering, UsageError> {
    Ok(match fleet::configured(typed)? {
        Some(fleet) => Answering::Fleet(Box::new(fleet)),
        None => Answering::Server(upstream::server(&typed.values, typed.command.clone())?),
    })
}
