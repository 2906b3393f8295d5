//! Paths that belong to the proxy itself.

use std::fmt;

/// Routes of the proxy's own that are not endpoint: `/servers`, `/.well-known/…`.
pub(crate) struct Reserved {
    /// Paths that begin like this belong to the router, up to a `/` or to their end.
    pub(crate) prefix: &'static str,
    pub(crate) access: Access,
    pub(crate) router: axum::Router,
}

/// Who may read what is reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Everybody,
    /// Those who may use the endpoints.
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
