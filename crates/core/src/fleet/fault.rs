//! What is wrong with a file, and where.

use std::{fmt, sync::Arc};

/// A place in a text, both counted from one; columns are characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Character of that line.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why a file, or one server of it, cannot be used: `FILE:LINE:COLUMN: sentence`.
///
/// The sentence contains names, but never the value of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file as the user named it.
    pub file: Arc<str>,
    /// The place in the file; `None` if the file as a whole is meant.
    pub position: Option<Position>,
    /// What is wrong there, and what to do.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if let Some(position) = self.position {
            write!(f, "{position}:")?;
        }
        write!(f, " {}", self.message)
    }
}

impl std::error::Error for Fault {}

/// A text from the file for a sentence: in quotes, without control characters, and cut if it is
/// long.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 80;
    let cut: String = text.chars().take(LONGEST).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("{cut:?}{more}")
}

/// A text from the file, safe for a terminal.
pub fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// A suggestion for an unknown name; empty if no known name is similar.
pub(super) fn suggestion<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    // The same limit as clap uses for flags.
    const NEAR: f64 = 0.7;
    let score = |known: &'a str| (strsim::jaro(&name.to_lowercase(), &known.to_lowercase()), known);
    let best = known.map(score).filter(|(score, _)| *score > NEAR);
    let best = best.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.map_or_else(String::new, |(_, name)| format!("; did you mean {}?", quoted(name)))
}
