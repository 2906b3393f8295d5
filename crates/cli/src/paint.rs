//! Colours for terminals, which honour `NO_COLOR` (<https://no-color.org>).

use std::{env, fmt, io::IsTerminal};

/// Colours texts, or leaves them unchanged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// Never colours.
    pub(crate) const PLAIN: Self = Self { on: false };

    /// Colours if this output is a terminal that supports it.
    pub(crate) fn for_output(output: &impl IsTerminal) -> Self {
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { on: output.is_terminal() && !refused }
    }

    pub(crate) fn is_on(self) -> bool {
        self.on
    }

    pub(crate) fn bold<T>(self, text: T) -> Painted<T> {
        self.with("1", text)
    }

    pub(crate) fn dim<T>(self, text: T) -> Painted<T> {
        self.with("2", text)
    }

    pub(crate) fn red<T>(self, text: T) -> Painted<T> {
        self.with("31", text)
    }

    pub(crate) fn green<T>(self, text: T) -> Painted<T> {
        self.with("32", text)
    }

    pub(crate) fn yellow<T>(self, text: T) -> Painted<T> {
        self.with("33", text)
    }

    pub(crate) fn cyan<T>(self, text: T) -> Painted<T> {
        self.with("36", text)
    }

    fn with<T>(self, code: &'static str, text: T) -> Painted<T> {
        Painted { code: self.on.then_some(code), text }
    }
}

/// A text in a colour.
#[derive(Debug)]
pub(crate) struct Painted<T> {
    code: Option<&'static str>,
    text: T,
}

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "\u{1b}[{code}m{}\u{1b}[0m", self.text),
            None => self.text.fmt(f),
        }
    }
}
