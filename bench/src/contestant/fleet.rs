//! What of several servers on one port is measured.

/// The servers, and the endpoint that is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fleet {
    /// One of ten, under its name.
    Named,
    /// Ten as one.
    Merged,
    /// Ten as one, with a hundred tools each.
    Long,
    /// Fifty that are not used, as one.
    Lazy,
    /// One of fifty, under its name.
    Large,
}

impl Fleet {
    pub(super) fn servers(self) -> usize {
        match self {
            Self::Named | Self::Merged | Self::Long => 10,
            Self::Lazy | Self::Large => 50,
        }
    }

    /// Tools of each.
    pub(crate) fn tools(self) -> usize {
        if self == Self::Long { 100 } else { 4 }
    }

    /// Tools of all together.
    pub(crate) fn all_tools(self) -> usize {
        self.servers() * self.tools()
    }

    fn is_named(self) -> bool {
        matches!(self, Self::Named | Self::Large)
    }

    pub(super) fn stream_path(self) -> &'static str {
        if self.is_named() { "/servers/s0/mcp" } else { "/mcp" }
    }

    pub(super) fn tool_prefix(self) -> &'static str {
        if self.is_named() { "" } else { "s0__" }
    }
}
