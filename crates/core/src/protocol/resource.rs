//! URIs of resources.

/// Longest URI of a subscription, in bytes: it is kept as long as the subscription.
pub(crate) const MAX_URI: usize = 8 * 1024;

/// Whether an update of `updated` is one of `wanted`: it may be for a part of a subscribed resource
/// (MCP 2025-11-25, `ResourceUpdatedNotification`).
pub(crate) fn covers(wanted: &str, updated: &str) -> bool {
    updated.strip_prefix(wanted).is_some_and(|rest| {
        rest.is_empty() || wanted.ends_with('/') || rest.starts_with(['/', '?', '#'])
    })
}
