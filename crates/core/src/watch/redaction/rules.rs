//! Which members of a message are secret.

use super::names::{Plain, may_be_secret};

/// Replaces what was removed.
pub(crate) const REDACTED: &str = "[redacted]";

/// The path of a value in a message: names and indices; `*` matches any.
pub(super) type Path = Vec<String>;

/// What the configuration names, besides names that always indicate secrets.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// In the form of [`Plain`].
    pub(super) names: Vec<String>,
    pub(super) paths: Vec<Path>,
}

/// Whether a member with this name is secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hidden {
    No,
    /// Only if it is a string or a number: an object with this name only describes the secret.
    Scalar,
    Whatever,
}

impl Rules {
    /// Whether a member with this name is secret.
    pub(super) fn hides(&self, name: &[u8]) -> Hidden {
        if self.names.is_empty() && !may_be_secret(name) {
            return Hidden::No;
        }
        let plain = Plain::of(name);
        if self.names.iter().any(|name| name == plain.text()) {
            Hidden::Whatever
        } else if plain.is_secret() {
            Hidden::Scalar
        } else {
            Hidden::No
        }
    }
}
