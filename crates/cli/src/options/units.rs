//! Numbers of the command line as the core wants them.

/// Zero lifts a limit.
pub(super) fn limit(number: u64) -> Option<u64> {
    (number != 0).then_some(number)
}

/// As many as there can be, if it is more.
pub(super) fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
