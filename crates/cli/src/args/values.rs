//! What was given for each flag, and where: the command line beats the environment.

use std::{collections::HashMap, ffi::OsString};

use clap::ArgMatches;

use crate::args::{
    environment::Environment,
    flag::{Definition, Flag, Kind, Shape},
    flags, grammar,
    usage_error::{InvalidChoice, UsageError},
};

/// The words given for each flag.
pub(crate) struct Values {
    given: HashMap<&'static str, Given>,
}

/// The words given for one flag, of which there is at least one.
struct Given {
    words: Vec<OsString>,
    /// Name of the variable they come from; `None` is the command line.
    variable: Option<String>,
}

impl Values {
    /// Joins what was typed with what the environment says.
    pub(super) fn collect(matches: &ArgMatches, environment: &Environment) -> Self {
        let given = |flag: &&'static dyn Definition| {
            let typed = grammar::words(matches, *flag).map(|words| Given { words, variable: None });
            let variable = || {
                let (name, value) = environment.flag(flag.name())?;
                Some(Given { words: vec![value.to_owned()], variable: Some(name.to_owned()) })
            };
            Some((flag.name(), typed.or_else(variable)?))
        };
        Self { given: flags::ALL.iter().filter_map(given).collect() }
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
        flag.kind.read(&given.words).map_err(|complaint| UsageError::InvalidValue {
            flag: flag.name,
            accepted: complaint.accepted,
            got: complaint.got,
            advice: complaint.advice,
            given: given.source(flag.name, flag.kind.shape()),
        })
    }

    /// Refuses words that are not among a flag's choices, all flags at once as the original does.
    pub(crate) fn check_choices(&self) -> Result<(), UsageError> {
        let invalid = |flag: &&'static dyn Definition| {
            let choices = flag.choices();
            let given = self.given.get(flag.name())?.words.last()?.to_string_lossy().into_owned();
            let refused = !choices.is_empty() && !choices.contains(&given.as_str());
            refused.then(|| InvalidChoice { flag: flag.name(), given, choices })
        };
        let invalid: Vec<_> = flags::ALL.iter().filter_map(invalid).collect();
        if invalid.is_empty() { Ok(()) } else { Err(UsageError::InvalidChoices(invalid)) }
    }
}

impl Given {
    /// Where the value that counts stands, the value included unless it is not text.
    fn source(&self, flag: &str, shape: Shape) -> String {
        let value = self.words.last().and_then(|word| word.to_str());
        match (&self.variable, value) {
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
