//! Tells the eras apart and translates between them. Pure: nothing here awaits.

pub(crate) mod classify;
pub(crate) mod input_required;
pub(crate) mod metadata;
pub(crate) mod modern_server;
pub(crate) mod modern_to_legacy;
pub(crate) mod opening;
mod sampling;

/// The two families of revisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Era {
    /// With a handshake and sessions.
    #[default]
    Legacy,
    /// Every request is independent.
    Modern,
}
