//! Protocol revisions. They are dates, so their text order is their order in time.

/// Newest revision with an `initialize` handshake.
pub(crate) const LATEST_LEGACY: &str = "2025-11-25";

/// The revision without a handshake, and the only one of its era.
pub const MODERN: &str = "2026-07-28";

/// Every handshake revision, newest first.
const LEGACY: [&str; 5] = [LATEST_LEGACY, "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07"];

/// Whether this is a handshake revision that the proxy serves.
pub(crate) fn is_legacy(version: &str) -> bool {
    LEGACY.contains(&version)
}

/// The handshake revisions as a refusal lists them.
pub(crate) fn legacy_list() -> String {
    LEGACY.join(", ")
}

/// Whether clients of this revision understand an event without data at the start of a stream;
/// older ones fail on it (MCP 2025-11-25, transports, "Sending Messages" 6).
pub(crate) fn primes_streams(version: &str) -> bool {
    version == LATEST_LEGACY
}
