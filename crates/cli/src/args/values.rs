//! The values of each flag, and their sources: the command line takes precedence over the
//! environment, and both over the file of `--config`, except for settings of a single server.

use std::{collections::HashMap, ffi::OsString};

use clap::ArgMatches;
use mcp_proxy_core::fleet::Setting;

use crate::args::{
    environment::Environment,
    flag::{Definition, Flag, Kind, Shape},
    flags, grammar,
    usage_error::{InvalidChoice, UsageError},
};

/// The words given for each flag.
#[derive(Clone, Default)]
pub(crate) struct Values {
    given: HashMap<&'static str, Given>,
}

/// The words for one flag; at least one.
#[derive(Clone)]
struct Given {
    words: Vec<OsString>,
    source: Source,
}

/// The source of words.
#[derive(Clone)]
enum Source {
    Line,
    /// The variable with this name.
    Variable(String),
    /// A place in a file: `FILE:LINE:COLUMN`.
    File(String),
}

/// Flags that set the same thing of a remote server in different ways: if a server has one of them,
/// the general values of the others do not apply to it.
const RIVALS: [&[&str]; 2] = [&["bearerToken", "bearerTokenFile"], &["clientSecret", "clientKey"]];

/// Flags whose values contain variables that are expanded where they are used. Those of a file are
/// already expanded, and the value of a variable is not expanded again.
const EXPANDED: [&str; 2] = ["header", "bearerToken"];

impl Values {
    /// Combines what was typed with the environment.
    pub(super) fn collect(matches: &ArgMatches, environment: &Environment) -> Self {
        let given = |flag: &&'static dyn Definition| {
            let typed =
                grammar::words(matches, *flag).map(|words| Given { words, source: Source::Line });
            let variable = || {
                let (name, value) = environment.flag(flag.name())?;
                let source = Source::Variable(name.to_owned());
                Some(Given { words: vec![value.to_owned()], source })
            };
            Some((flag.name(), typed.or_else(variable)?))
        };
        Self { given: flags::ALL.iter().filter_map(given).collect() }
    }

    /// The same with the settings at the top of a file; existing values take precedence.
    pub(crate) fn over(&self, settings: &[Setting]) -> Self {
        let mut values = Self::default();
        for setting in settings {
            values.add(setting);
        }
        values.given.extend(self.given.clone());
        values
    }

    /// The same with a file's settings for one server, which take precedence over general ones.
    /// Lists are combined: further variables, further headers.
    pub(crate) fn under(&self, settings: &[Setting]) -> Self {
        let mut values = self.clone();
        let is_set = |name: &str| settings.iter().any(|setting| setting.name == name);
        for rivals in RIVALS {
            if rivals.iter().any(|name| is_set(name)) {
                values.given.retain(|name, _| !rivals.contains(name));
            }
        }
        for setting in settings {
            values.add(setting);
        }
        values
    }

    /// Adds a word for a flag as if it had been typed.
    pub(crate) fn set(&mut self, name: &'static str, word: String) {
        self.given.insert(name, Given { words: vec![word.into()], source: Source::Line });
    }

    fn add(&mut self, setting: &Setting) {
        let is_list = |flag: &&'static dyn Definition| {
            flag.name() == setting.name && flag.shape() == Shape::List
        };
        let is_list = flags::ALL.iter().any(is_list);
        let mut words: Vec<OsString> = Vec::new();
        if is_list && let Some(given) = self.given.remove(setting.name) {
            words = given.words;
        }
        if setting.name == flags::HEADER.name {
            words.retain(|word| !setting.words.iter().any(|other| is_same_header(word, other)));
            if setting.words.iter().any(|word| is_header(word, "authorization")) {
                self.given.retain(|name, _| !RIVALS[0].contains(name));
            }
        }
        let literal = |word: &String| {
            if EXPANDED.contains(&setting.name) {
                word.replace("${", "$${").into()
            } else {
                word.into()
            }
        };
        words.extend(setting.words.iter().map(literal));
        let source = Source::File(format!("{}:{}", setting.file, setting.position));
        self.given.insert(setting.name, Given { words, source });
    }

    /// Whether anything was given for a flag.
    pub(crate) fn has<K>(&self, flag: &Flag<K>) -> bool {
        self.given.contains_key(flag.name)
    }

    /// The words given for a flag.
    #[cfg(test)]
    pub(super) fn words(&self, name: &str) -> Option<&[OsString]> {
        self.given.get(name).map(|given| given.words.as_slice())
    }

    /// The value of a flag: what was given, or its default.
    pub(crate) fn of<K: Kind>(&self, flag: &Flag<K>) -> Result<K::Value, UsageError> {
        let Some(given) = self.given.get(flag.name) else {
            return Ok(flag.kind.absent());
        };
        flag.kind.read(&given.words).map_err(|complaint| match &given.source {
            Source::File(place) => UsageError::InvalidSetting {
                place: place.clone(),
                flag: flag.name,
                accepted: complaint.accepted,
                got: complaint.got,
            },
            _ => UsageError::InvalidValue {
                flag: flag.name,
                accepted: complaint.accepted,
                got: complaint.got,
                advice: complaint.advice,
                given: given.shown(flag.name, flag.kind.shape()),
            },
        })
    }

    /// Refuses words that are not among a flag's choices, for all flags at once as in the original;
    /// those of a file are refused where they are read.
    pub(crate) fn check_choices(&self) -> Result<(), UsageError> {
        let invalid = |flag: &&'static dyn Definition| {
            let choices = flag.choices();
            let given = self.given.get(flag.name())?;
            if matches!(given.source, Source::File(_)) {
                return None;
            }
            let given = given.words.last()?.to_string_lossy().into_owned();
            let refused = !choices.is_empty() && !choices.contains(&given.as_str());
            refused.then(|| InvalidChoice { flag: flag.name(), given, choices })
        };
        let invalid: Vec<_> = flags::ALL.iter().filter_map(invalid).collect();
        if invalid.is_empty() { Ok(()) } else { Err(UsageError::InvalidChoices(invalid)) }
    }
}

impl Given {
    /// The source of the value that counts, with the value if it is text.
    fn shown(&self, flag: &str, shape: Shape) -> String {
        let value = self.words.last().and_then(|word| word.to_str());
        let variable = match &self.source {
            Source::Variable(name) => Some(name),
            _ => None,
        };
        match (variable, value) {
            (Some(variable), Some(value)) => format!("{variable}={value}"),
            (Some(variable), None) => variable.clone(),
            (None, Some(value)) if shape == Shape::Switch || value.is_empty() => {
                format!("--{flag}={value}")
            }
            (None, Some(value)) => format!("--{flag} {value}"),
            (None, None) => format!("--{flag}"),
        }
    }
}

/// Whether a word is a header of this name.
fn is_header(word: &str, name: &str) -> bool {
    let found = word.split_once(':').map(|(name, _)| name.trim());
    found.is_some_and(|found| found.eq_ignore_ascii_case(name))
}

fn is_same_header(word: &OsString, other: &str) -> bool {
    let name = other.split_once(':').map(|(name, _)| name.trim());
    name.is_some_and(|name| word.to_str().is_some_and(|word| is_header(word, name)))
}
