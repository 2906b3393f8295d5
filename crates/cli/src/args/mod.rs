//! Parses the command line and its environment as the original does.
//!
//! argv is split into the proxy's words and the child's (`line`); the proxy's are matched with the
//! table of flags (`grammar`, `flags`); and the result is combined with the environment (`values`).
//! `options` decides what the values mean.

use std::ffi::OsString;

mod environment;
pub(crate) mod flag;
pub(crate) mod flags;
mod grammar;
mod help;
pub(crate) mod kinds;
mod line;
mod number;
mod others;
mod usage_error;
mod values;
mod version;

pub(crate) use environment::Environment;
pub(crate) use flag::{Definition, Json, Section};
pub(crate) use line::{is_scheme, is_url};
pub(crate) use usage_error::UsageError;
pub(crate) use values::Values;

use line::Line;

/// Variable that replaces the command, as in the original.
const COMMAND: &str = "command";

/// What a command line asks for.
pub(crate) enum Invocation {
    /// Print this text and exit.
    Print(String),
    /// Serve a child.
    Serve(Typed),
}

/// What was typed, with the environment: only the names are checked so far.
#[derive(Clone)]
pub(crate) struct Typed {
    /// The values of the flags.
    pub(crate) values: Values,
    /// The child's program and arguments; empty if there is none.
    pub(crate) command: Vec<OsString>,
    /// Words before `--` that belong to no flag.
    pub(crate) ignored: Vec<OsString>,
    /// Names of the headers whose values came as separate words.
    pub(crate) rejoined: Vec<String>,
}

/// Parses `argv` (without the program's own name). Help and version take precedence over every
/// error.
pub(crate) fn parse(
    argv: Vec<OsString>,
    environment: &Environment,
) -> Result<Invocation, UsageError> {
    let mut line = Line::cut(argv);
    if line.asks("--help") {
        let text = line.topic().and_then(help::about).unwrap_or_else(help::everything);
        return Ok(Invocation::Print(text));
    }
    if line.asks("-h") {
        return Ok(Invocation::Print(help::first()));
    }
    if line.asks("--version") {
        return Ok(Invocation::Print(version::long()));
    }
    if line.asks("-V") {
        return Ok(Invocation::Print(format!("{}\n", mcp_proxy_core::VERSION)));
    }
    let matches = grammar::read(&line.flags)?;
    let values = Values::collect(&matches, environment);
    // A file defines the servers.
    if line.command.is_empty() && !values.has(&flags::CONFIG) {
        let variable = environment.flag(COMMAND).map(|(_, value)| value.to_owned());
        line.command.extend(variable.filter(|command| !command.is_empty()));
    }
    let Line { command, ignored, rejoined, .. } = line;
    Ok(Invocation::Serve(Typed { values, command, ignored, rejoined }))
}

#[cfg(test)]
mod tests;
