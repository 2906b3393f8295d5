//! The proxy's own environment variables. Some are secrets, and none of them is passed on to the
//! programs that it starts.

use std::ffi::{OsStr, OsString};

/// The names of those that are set.
pub(super) fn own_variables() -> impl Iterator<Item = OsString> {
    std::env::vars_os().map(|(name, _)| name).filter(|name| is_own(name))
}

/// Whether a name is one of the proxy's variables: case and underscores do not matter.
fn is_own(name: &OsStr) -> bool {
    let name = name.to_string_lossy().replace('_', "").to_ascii_uppercase();
    name.starts_with("MCPPROXY")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_that_is_read_is_the_proxys() {
        for own in ["MCP_PROXY_API_KEY", "MCP_PROXY_apiKey", "MCP_PROXYAPI_KEY", "mcp_proxy_x"] {
            assert!(is_own(OsStr::new(own)), "{own}");
        }
        for other in ["MCP_PROX", "MCP", "PATH", "MY_MCP_PROXY_API_KEY", "MCP-PROXY"] {
            assert!(!is_own(OsStr::new(other)), "{other}");
        }
    }
}
