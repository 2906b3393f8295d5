//! Methods that the proxy treats specially; all others pass through.

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
    /// One of the lists whose changes are notified.
    List(List),
    Other,
}

impl Method {
    pub(crate) fn of(name: &str) -> Self {
        Self::of_bytes(name.as_bytes())
    }

    pub(crate) fn of_bytes(name: &[u8]) -> Self {
        match name {
            b"initialize" => Self::Initialize,
            b"ping" => Self::Ping,
            b"logging/setLevel" => Self::SetLevel,
            b"resources/subscribe" => Self::Subscribe,
            b"resources/unsubscribe" => Self::Unsubscribe,
            b"tools/list" => Self::List(List::Tools),
            b"prompts/list" => Self::List(List::Prompts),
            b"resources/list" => Self::List(List::Resources),
            b"resources/templates/list" => Self::List(List::Templates),
            _ if name.starts_with(b"tasks/") => Self::Tasks,
            _ => Self::Other,
        }
    }
}

/// Whether results for this method say how long they stay valid, and for which callers (MCP
/// 2026-07-28, caching): results that list or read something do, also those of extensions. The
/// content of a prompt or the state of a task does not.
pub(crate) fn is_cacheable(method: &str) -> bool {
    let (family, verb) = method.split_once('/').unwrap_or((method, ""));
    let verb = verb.rsplit('/').next().unwrap_or_default();
    match (family, verb) {
        ("tasks", _) | ("prompts", "get") => false,
        ("server", "discover") => true,
        (_, verb) => matches!(verb, "list" | "read" | "get"),
    }
}

/// A list that a server offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    Tools,
    Prompts,
    Resources,
    Templates,
}

impl List {
    pub(crate) const ALL: [Self; 4] =
        [Self::Tools, Self::Prompts, Self::Resources, Self::Templates];

    /// The request for it.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Tools => "tools/list",
            Self::Prompts => "prompts/list",
            Self::Resources => "resources/list",
            Self::Templates => "resources/templates/list",
        }
    }

    /// The capability for it; templates belong to resources.
    pub(crate) fn capability(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources | Self::Templates => "resources",
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
    /// One of the server's lists has changed.
    ListChanged,
    /// `notifications/subscriptions/acknowledged`, of 2026-07-28.
    Acknowledged,
    /// `notifications/tasks/*`.
    Tasks,
    Other,
}

impl Notification {
    pub(crate) fn of(name: &str) -> Self {
        Self::of_bytes(name.as_bytes())
    }

    pub(crate) fn of_bytes(name: &[u8]) -> Self {
        match name.strip_prefix(b"notifications/") {
            Some(b"initialized") => Self::Initialized,
            Some(b"cancelled") => Self::Cancelled,
            Some(b"progress") => Self::Progress,
            Some(b"message") => Self::Message,
            Some(b"resources/updated") => Self::ResourceUpdated,
            Some(b"roots/list_changed") => Self::RootsListChanged,
            Some(b"tools/list_changed" | b"prompts/list_changed" | b"resources/list_changed") => {
                Self::ListChanged
            }
            Some(b"subscriptions/acknowledged") => Self::Acknowledged,
            Some(name) if name.starts_with(b"tasks/") => Self::Tasks,
            _ => Self::Other,
        }
    }

    /// Whether a server may send it because of one client's request without naming that client: log
    /// messages, completed elicitations, and everything that no specification defines.
    pub(crate) fn may_belong_to_a_call(self) -> bool {
        matches!(self, Self::Message | Self::Other)
    }

    /// Whether a client's notification is passed on to a shared server. The server was told of no
    /// roots, and has sent no request whose progress could be reported.
    pub(crate) fn concerns_shared_server(self) -> bool {
        !matches!(self, Self::Initialized | Self::RootsListChanged | Self::Progress | Self::Tasks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_that_list_or_read_are_cacheable_in_extensions_too() {
        for (method, expected) in [
            ("server/discover", true),
            ("tools/list", true),
            ("prompts/list", true),
            ("resources/list", true),
            ("resources/templates/list", true),
            ("resources/read", true),
            ("resources/directory/read", true),
            ("skills/list", true),
            ("skills/get", true),
            ("vendor/things/list", true),
            ("tools/call", false),
            ("prompts/get", false),
            ("completion/complete", false),
            ("tasks/get", false),
            ("tasks/list", false),
            ("subscriptions/listen", false),
            ("ping", false),
            ("list", false),
            ("", false),
        ] {
            assert_eq!(is_cacheable(method), expected, "{method}");
        }
    }
}
