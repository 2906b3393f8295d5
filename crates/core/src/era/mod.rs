//! What tells the eras apart and translates between them. Pure: nothing here awaits.

#[cfg_attr(not(test), expect(dead_code, reason = "the downstream front is built on this"))]
pub(crate) mod classify;
#[cfg_attr(not(test), expect(dead_code, reason = "the downstream front is built on this"))]
pub(crate) mod metadata;
pub(crate) mod modern_server;

/// The two families of revisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Era {
    /// With a handshake and sessions.
    #[default]
    Legacy,
    /// Every request stands for itself.
    Modern,
}
