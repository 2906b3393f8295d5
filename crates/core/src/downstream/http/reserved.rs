//! Paths that belong to the proxy itself.

use std::fmt;

/// The proxy's own routes that are not endpoints: `/servers`, `/.well-known/…`.
pub(crate) struct Reserved {
    /// Prefix of the router's paths; it must end at a `/` or at the end of the path.
    pub(crate) prefix: &'static str,
    pub(crate) access: Access,
    pub(crate) router: axum::Router,
}

/// Who may read reserved paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Everybody,
    /// Callers who may use the endpoints.
    Authenticated,
}

impl fmt::Debug for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserved").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Reserved {
    pub(super) fn takes(&self, path: &str) -> bool {
        path.strip_prefix(self.prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}
