//! The table of flags: one entry each, in the order of `--help`, in a file for each of its sections.
//!
//! An entry is everything about a flag except for its effect, which is in `options`. Both
//! spellings, the variable, `--no-x`, the line in `--help` and suggestions for typing errors are
//! derived from it.

/// Declares each flag of a section as a constant and lists all of them, so that none is forgotten.
macro_rules! flags {
    ($section:ident: $($name:ident: $kind:ty = $spelled:literal { kind: $value:expr, short: $short:expr, help: $help:expr $(,)? })*) => {
        $(
            pub(crate) const $name: $crate::args::flag::Flag<$kind> = $crate::args::flag::Flag {
                name: $spelled,
                section: $crate::args::flag::Section::$section,
                kind: $value,
                short: $short,
                help: $help,
            };
        )*

        /// The flags of this section, in the order of `--help`.
        pub(super) const ALL: &[&dyn $crate::args::flag::Definition] = &[$(&$name),*];
    };
}

mod calling;
mod config;
mod diagnostics;
mod limits;
mod remote;
mod replicas;
mod security;
mod serving;
mod sessions;
mod timeouts;
mod tunnel;
mod upstream;

use std::sync::LazyLock;

use crate::args::flag::{Definition, kebab};

pub(crate) use self::{
    calling::*, config::*, diagnostics::*, limits::*, remote::*, replicas::*, security::*,
    serving::*, sessions::*, timeouts::*, tunnel::*, upstream::*,
};

/// Every flag, in the order of `--help`.
pub(crate) static ALL: LazyLock<Vec<&'static dyn Definition>> = LazyLock::new(|| {
    let sections = [
        serving::ALL,
        config::ALL,
        upstream::ALL,
        remote::ALL,
        security::ALL,
        sessions::ALL,
        replicas::ALL,
        limits::ALL,
        timeouts::ALL,
        tunnel::ALL,
        calling::ALL,
        diagnostics::ALL,
    ];
    sections.concat()
});

/// The flag with this name, in either spelling.
pub(crate) fn named(word: &str) -> Option<&'static dyn Definition> {
    let name = word.strip_prefix("--")?;
    ALL.iter().copied().find(|flag| flag.name() == name || kebab(flag.name()) == name)
}
