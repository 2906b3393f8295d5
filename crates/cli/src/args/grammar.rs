//! The table of flags as a clap command: names and typing errors.

use std::ffi::OsString;

use clap::{
    Arg, ArgAction, ArgMatches, Command,
    builder::ValueParser,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::args::{
    flag::{Definition, Section, Shape, kebab},
    flags,
    usage_error::UsageError,
};

/// Parses the flags of a command line after it was split.
pub(super) fn read(words: &[OsString]) -> Result<ArgMatches, UsageError> {
    command(flags::ALL.iter().flat_map(|flag| readable(*flag)))
        .try_get_matches_from(words)
        .map_err(|error| in_our_words(&error, words))
}

/// The words given for a flag; `None` if it was not given.
pub(super) fn words(matches: &ArgMatches, flag: &dyn Definition) -> Option<Vec<OsString>> {
    if flag.shape() == Shape::Switch && matches.get_flag(&negated(flag.name())) {
        return Some(vec![OsString::from("false")]);
    }
    let words = matches.get_raw(flag.name())?;
    Some(words.map(ToOwned::to_owned).collect())
}

/// No positional is declared, since the child's words are removed before.
pub(super) fn command(args: impl Iterator<Item = Arg>) -> Command {
    Command::new("mcp-proxy")
        .no_binary_name(true)
        .args_override_self(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(args)
        .arg(plain("help", 'h', "Print all flags, or one section or flag: --help limits"))
        .arg(plain("version", 'V', "Print the version and how this executable was built"))
}

/// A flag with its description.
pub(super) fn shown(flag: &dyn Definition, description: String) -> Arg {
    let arg = Arg::new(flag.name())
        .long(flag.name())
        .help_heading(flag.section().heading())
        .help(description);
    match flag.shape() {
        Shape::Switch => arg.action(ArgAction::SetTrue),
        Shape::Single | Shape::List | Shape::Pairs | Shape::Call => {
            arg.value_name(flag.placeholder())
        }
    }
}

/// A flag with all its spellings, and `--no-x` for a switch.
fn readable(flag: &dyn Definition) -> Vec<Arg> {
    let arg =
        shown(flag, String::new()).alias(kebab(flag.name())).value_parser(ValueParser::os_string());
    match flag.shape() {
        Shape::Single => vec![arg],
        Shape::List | Shape::Pairs | Shape::Call => vec![arg.action(ArgAction::Append)],
        Shape::Switch => {
            let negation = negated(flag.name());
            let arg = arg
                .action(ArgAction::Set)
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true")
                .overrides_with(&negation);
            let negation = Arg::new(negation.clone())
                .long(negation)
                .alias(negated(&kebab(flag.name())))
                .action(ArgAction::SetTrue)
                .overrides_with(flag.name());
            vec![arg, negation]
        }
    }
}

fn plain(name: &'static str, short: char, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .short(short)
        .action(ArgAction::SetTrue)
        .help_heading(Section::Diagnostics.heading())
        .help(help)
}

/// The name that turns a switch off.
pub(super) fn negated(name: &str) -> String {
    format!("no-{name}")
}

/// Rewrites clap's errors with the spellings that were typed and the documented names.
fn in_our_words(error: &clap::Error, words: &[OsString]) -> UsageError {
    let typed =
        context(error, ContextKind::InvalidArg).split([' ', '=']).next().unwrap_or_default();
    match error.kind() {
        ErrorKind::UnknownArgument => {
            unknown(typed, context(error, ContextKind::SuggestedArg), words)
        }
        ErrorKind::InvalidValue => UsageError::MissingValue { flag: typed.to_owned() },
        ErrorKind::TooManyValues => UsageError::UnexpectedValue { flag: typed.to_owned() },
        _ => UsageError::Other(error.kind().to_string()),
    }
}

fn context(error: &clap::Error, kind: ContextKind) -> &str {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text,
        _ => "",
    }
}

/// A word that is not a flag; or a value that begins with a dash, of the flag before it.
fn unknown(typed: &str, suggested: &str, words: &[OsString]) -> UsageError {
    let names: Vec<_> = words.iter().map(|word| name(&word.to_string_lossy())).collect();
    // Clap reports a word with a single dash by its first letter.
    let is_it = |word: &str| word == typed || (!word.starts_with("--") && word.starts_with(typed));
    let at = names.iter().position(|word| is_it(word)).unwrap_or_default();
    if let Some(before) = at.checked_sub(1)
        && flags::named(&names[before]).is_some_and(|flag| flag.shape() != Shape::Switch)
        && words[before].len() == names[before].len()
    {
        return UsageError::MissingValue { flag: names[before].clone() };
    }
    let word = names.get(at).map_or(typed, String::as_str);
    let nearest = documented(if suggested.is_empty() { word } else { suggested });
    UsageError::UnknownFlag { word: word.to_owned(), nearest }
}

/// The part of a word before its value.
fn name(word: &str) -> String {
    word.split('=').next().unwrap_or(word).to_owned()
}

/// The documented spelling of a flag, however it is spelled here.
fn documented(spelled: &str) -> Option<String> {
    let name = spelled.trim_start_matches('-');
    let (no, name) = name.strip_prefix("no-").map_or(("", name), |name| ("no-", name));
    let plain = || ["help", "version"].into_iter().find(|plain| *plain == name);
    let name = flags::named(&format!("--{name}")).map(Definition::name).or_else(plain)?;
    Some(format!("--{no}{name}"))
}
