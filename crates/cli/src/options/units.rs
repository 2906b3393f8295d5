//! Numbers of the command line in the core's types.

/// Zero turns a limit off.
pub(super) fn limit(number: u64) -> Option<u64> {
    (number != 0).then_some(number)
}

/// Larger numbers become the maximum.
pub(super) fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
