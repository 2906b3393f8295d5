//! Methods that the proxy has something to say about; all others pass through.

/// Requests that are not simply forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Initialize,
    Ping,
    SetLevel,
    Subscribe,
    Unsubscribe,
    /// `tasks/*`, the experimental core tasks of 2025-11-25.
    Tasks,
    Other,
}

impl Method {
    pub(crate) fn of(name: &str) -> Self {
        match name {
            "initialize" => Self::Initialize,
            "ping" => Self::Ping,
            "logging/setLevel" => Self::SetLevel,
            "resources/subscribe" => Self::Subscribe,
            "resources/unsubscribe" => Self::Unsubscribe,
            _ if name.starts_with("tasks/") => Self::Tasks,
            _ => Self::Other,
        }
    }
}

/// Notifications that are not simply forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notification {
    Initialized,
    Cancelled,
    Progress,
    Message,
    ResourceUpdated,
    RootsListChanged,
    /// `notifications/tasks/*`.
    Tasks,
    Other,
}

impl Notification {
    pub(crate) fn of(name: &str) -> Self {
        match name.strip_prefix("notifications/") {
            Some("initialized") => Self::Initialized,
            Some("cancelled") => Self::Cancelled,
            Some("progress") => Self::Progress,
            Some("message") => Self::Message,
            Some("resources/updated") => Self::ResourceUpdated,
            Some("roots/list_changed") => Self::RootsListChanged,
            Some(name) if name.starts_with("tasks/") => Self::Tasks,
            _ => Self::Other,
        }
    }
}
