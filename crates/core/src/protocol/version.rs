//! Protocol revisions. They are dates, so their text order is their order in time.

/// Newest revision with an `initialize` handshake.
pub(crate) const LATEST_LEGACY: &str = "2025-11-25";

/// The revision without a handshake, and the only one of its era.
pub const MODERN: &str = "2026-07-28";

/// Every handshake revision, newest first.
const LEGACY: [&str; 5] = [LATEST_LEGACY, "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07"];

/// Whether this has the form of a revision, supported or not: they are dates.
pub(crate) fn is_revision(text: &str) -> bool {
    let is_date = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 10 && text.bytes().enumerate().all(is_date)
}

/// Whether it names the revision without a handshake, or a later one.
pub(crate) fn names_modern(text: &str) -> bool {
    is_revision(text) && text >= MODERN
}

/// Whether this is a handshake revision that the proxy supports.
pub(crate) fn is_legacy(version: &str) -> bool {
    LEGACY.contains(&version)
}

/// Whether a refusal names an older handshake revision.
pub(crate) fn names_older(refusal: &str) -> bool {
    older().any(|version| refusal.contains(version))
}

fn older() -> impl Iterator<Item = &'static str> {
    LEGACY.into_iter().filter(|version| *version != LATEST_LEGACY)
}

/// The older handshake revisions to try after a server has refused the newest one, in this order:
/// the newest that its refusal names, then those that most servers support.
pub(crate) fn older_versions(refusal: &str) -> Vec<&'static str> {
    let named = older().find(|version| refusal.contains(version));
    let usual = older().filter(|version| USUAL.contains(version) && named != Some(*version));
    named.into_iter().chain(usual).collect()
}

/// Revisions that are the newest one for many servers.
const USUAL: [&str; 2] = ["2025-03-26", "2024-11-05"];

/// The supported handshake revisions, for a refusal.
pub(crate) fn legacy_list() -> String {
    LEGACY.join(", ")
}

/// Whether clients of this revision understand an event without data at the start of a stream;
/// older ones fail on it (MCP 2025-11-25, transports, "Sending Messages" 6).
pub(crate) fn primes_streams(version: &str) -> bool {
    version == LATEST_LEGACY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dates_name_revisions() {
        for (text, names, modern) in [
            ("2026-07-28", true, true),
            ("2027-01-01", true, true),
            ("2025-11-25", true, false),
            ("1999-12-31", true, false),
            ("2026-07-28x", false, false),
            ("2026-07-2", false, false),
            ("nonsense", false, false),
            ("zzzz-zz-zz", false, false),
            ("9", false, false),
            ("", false, false),
            ("DRAFT-2026-v1", false, false),
        ] {
            assert_eq!((is_revision(text), names_modern(text)), (names, modern), "{text}");
        }
    }

    #[test]
    fn what_a_refusal_names_is_asked_for_first() {
        for (refusal, asked) in [
            (r#"{"supported":["2024-11-05"]}"#, &["2024-11-05", "2025-03-26"][..]),
            (
                r#"{"supported":["2024-11-05","2025-06-18"]}"#,
                &["2025-06-18", "2025-03-26", "2024-11-05"],
            ),
            ("use 2025-03-26, not 2025-11-25", &["2025-03-26", "2024-11-05"]),
            ("only 2024-10-07", &["2024-10-07", "2025-03-26", "2024-11-05"]),
            ("unsupported", &["2025-03-26", "2024-11-05"]),
            ("2025-11-25", &["2025-03-26", "2024-11-05"]),
        ] {
            assert_eq!(older_versions(refusal), asked, "{refusal}");
        }
    }
}
