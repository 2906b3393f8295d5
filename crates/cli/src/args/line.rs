//! Splits argv into the proxy's own words and the child's command.
//!
//! The original parses flags with yargs, which no argument library imitates: `--debug false`,
//! `--corsAddAllowedHeader A B --`, a command without a separator. This code rewrites the special
//! cases (`--flag value` becomes `--flag=value`) and leaves names, repeats and typing errors to
//! clap. The words of the command are moved, but never examined.

use std::{ffi::OsString, iter::Peekable, vec};

use crate::args::{
    flag::{BETWEEN, Shape},
    flags,
};

/// A command line, split into its parts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// Flags, each in one word with its value.
    pub(super) flags: Vec<OsString>,
    /// The child's program and arguments, byte for byte; may be empty.
    pub(super) command: Vec<OsString>,
    /// Words before `--` that belong to no flag.
    pub(super) ignored: Vec<OsString>,
    /// Names of the headers whose values came as separate words.
    pub(super) rejoined: Vec<String>,
}

impl Line {
    /// Splits `argv`, which does not contain the program's own name.
    ///
    /// With `--`, the command is everything after it, as in the original.
    /// Differs from mcp-proxy: without `--`, the command starts at the first word that is neither a
    /// flag nor its value, and everything after that word belongs to it. A URL is not a command, so
    /// the flags after it belong to the proxy.
    pub(super) fn cut(mut argv: Vec<OsString>) -> Self {
        let mut line = Self::default();
        if let Some(separator) = argv.iter().position(|word| word == "--") {
            line.command = argv.split_off(separator + 1);
            argv.truncate(separator);
        }
        let separated = !line.command.is_empty();
        let mut words = argv.into_iter().peekable();
        while let Some(word) = words.next() {
            if !is_value(&word) {
                line.take_flag(word, &mut words, separated);
            } else if separated {
                line.ignored.push(word);
            } else {
                let is_command = !is_url(&word);
                line.command.push(word);
                if is_command {
                    line.command.extend(words.by_ref());
                }
            }
        }
        line
    }

    /// Whether this word is one of the flags.
    pub(super) fn asks(&self, spelling: &str) -> bool {
        self.flags.iter().any(|word| word == spelling)
    }

    /// The word after `--help`.
    pub(super) fn topic(&self) -> Option<&str> {
        let help = self.flags.iter().position(|word| word == "--help")?;
        let next = self.flags.get(help + 1).or_else(|| self.command.first());
        next.and_then(|word| word.to_str())
    }

    fn take_flag(
        &mut self,
        word: OsString,
        words: &mut Peekable<vec::IntoIter<OsString>>,
        separated: bool,
    ) {
        let Some(definition) = word.to_str().and_then(flags::named) else {
            self.flags.push(word);
            return;
        };
        if definition.shape() == Shape::Pairs {
            return self.take_pair(word, words);
        }
        let is_taken = match definition.shape() {
            Shape::Switch => |next: &OsString| next == "true" || next == "false",
            Shape::Call => |next: &OsString| is_value(next) && !is_url(next),
            _ => is_value,
        };
        // If no separator marks the command, a list takes one word at a time.
        let most = match definition.shape() {
            Shape::List | Shape::Call if separated => usize::MAX,
            _ => 1,
        };
        let mut taken = 0;
        while taken < most
            && let Some(mut value) = words.next_if(is_taken)
        {
            if definition.name() == flags::HEADER.name {
                self.rejoin(&mut value, words);
            }
            self.flags.push(joined(&word, &value));
            taken += 1;
        }
        if taken == 0 {
            self.flags.push(word);
        } else if definition.shape() == Shape::Call {
            while let Some(value) = words.next_if(is_argument) {
                self.flags.push(joined(&word, &value));
            }
        }
    }

    /// A header that was split at its spaces, `Authorization: Bearer x`, becomes one word again, as
    /// some clients have no quotes.
    fn rejoin(&mut self, header: &mut OsString, words: &mut Peekable<vec::IntoIter<OsString>>) {
        let name = header.to_str().and_then(|text| text.trim_end().strip_suffix(':'));
        let Some(name) = name.map(str::to_owned) else { return };
        let mut ahead = words.clone();
        let is_scheme = ahead.next().is_some_and(|word| is_scheme(&word));
        if !is_scheme || !ahead.next().is_some_and(|word| is_value(&word) && !is_url(&word)) {
            return;
        }
        for word in words.by_ref().take(2) {
            header.push(" ");
            header.push(word);
        }
        self.rejoined.push(name);
    }

    /// The two words of a pair become one.
    fn take_pair(&mut self, word: OsString, words: &mut Peekable<vec::IntoIter<OsString>>) {
        let Some(mut pair) = words.next_if(is_value) else {
            self.flags.push(word);
            return;
        };
        if let Some(second) = words.next_if(is_value) {
            pair.push(BETWEEN.to_string());
            pair.push(second);
        }
        self.flags.push(joined(&word, &pair));
    }
}

/// Whether a word is the URL of a remote server.
pub(crate) fn is_url(word: &OsString) -> bool {
    let scheme = word.to_str().and_then(|word| word.split_once("://")).map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
    })
}

/// Whether a word is the beginning of the value of `Authorization`.
pub(crate) fn is_scheme(word: &OsString) -> bool {
    let schemes = ["bearer", "basic", "token", "dpop"];
    let word = word.to_str().unwrap_or_default();
    schemes.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// Whether a word cannot be a flag: it does not start with a dash, or is a dash or a negative
/// number.
fn is_value(word: &OsString) -> bool {
    match word.as_encoded_bytes() {
        [b'-', next, ..] => next.is_ascii_digit() || *next == b'.',
        _ => true,
    }
}

/// Whether a word after `--call NAME` can only be an argument of the tool.
fn is_argument(word: &OsString) -> bool {
    let bytes = word.as_encoded_bytes();
    is_value(word)
        && !is_url(word)
        && (bytes == b"-" || bytes.contains(&b'=') || bytes.starts_with(b"{"))
}

fn joined(word: &OsString, value: &OsString) -> OsString {
    let mut joined = word.clone();
    joined.push("=");
    joined.push(value);
    joined
}
