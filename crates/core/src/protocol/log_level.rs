//! Severity of `notifications/message` (RFC 5424 names).

/// Levels in ascending severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LogLevel {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
}

impl LogLevel {
    /// Names accepted on the wire, in ascending severity.
    pub(crate) const NAMES: [&'static str; 8] =
        ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

    /// Its name on the wire.
    pub(crate) fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// Reads a raw JSON string.
    pub(crate) fn from_json(raw: &[u8]) -> Option<Self> {
        Self::named(raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?)
    }

    /// The level with this name.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"debug" => Self::Debug,
            b"info" => Self::Info,
            b"notice" => Self::Notice,
            b"warning" => Self::Warning,
            b"error" => Self::Error,
            b"critical" => Self::Critical,
            b"alert" => Self::Alert,
            b"emergency" => Self::Emergency,
            _ => return None,
        })
    }
}
