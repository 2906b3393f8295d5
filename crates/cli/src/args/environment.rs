//! Environment variables that replace flags.
//!
//! They are passed in, so that nothing below reads the process's environment.

use std::ffi::{OsStr, OsString};

use crate::args::flag::variable;

const PREFIX: &str = "MCP_PROXY";

/// The variables whose names begin with `MCP_PROXY`.
#[derive(Default)]
pub(crate) struct Environment {
    variables: Vec<(String, OsString)>,
}

impl Environment {
    /// The variable of a flag, with the name under which it was found.
    ///
    /// The documented name is `MCP_PROXY_API_KEY`. The original also accepts `MCP_PROXY_apiKey` and
    /// `MCP_PROXYAPI_KEY`, but ignores `MCP_PROXY_APIKEY`, which leaves a server open. Here case
    /// and underscores do not matter, and the documented name wins.
    pub(super) fn flag(&self, name: &str) -> Option<(&str, &OsStr)> {
        let documented = variable(name);
        let squashed = squash(&documented);
        let alike = || self.variables.iter().find(|(found, _)| squash(found) == squashed);
        let found = self.variables.iter().find(|(found, _)| *found == documented).or_else(alike)?;
        Some((&found.0, &found.1))
    }
}

impl<K: AsRef<OsStr>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        let ours = |(name, value): (K, V)| {
            let name = name.as_ref().to_str()?;
            name.to_ascii_uppercase().starts_with(PREFIX).then(|| (name.to_owned(), value.into()))
        };
        Self { variables: variables.into_iter().filter_map(ours).collect() }
    }
}

fn squash(name: &str) -> String {
    name.replace('_', "").to_ascii_uppercase()
}
