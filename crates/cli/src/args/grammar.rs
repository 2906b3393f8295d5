//! The table of flags as a clap command: names, typing errors and `--help`.

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

const USAGE: &str = "mcp-proxy [options] -- <command> [args...]\n       mcp-proxy [options] <command> [args...]\n       mcp-proxy [options] <url>";

const TEMPLATE: &str = "{about}\n\n{usage-heading} {usage}\n\n{all-args}{after-help}";

const AFTER: &str = "\
Spelling:
  --sseEndpoint /x, --sseEndpoint=/x, --sse-endpoint /x and the variable
  MCP_PROXY_SSE_ENDPOINT=/x are the same; a flag beats its variable.
  --no-x turns a switch off. MCP_PROXY_COMMAND stands in for the command.

Examples:
  mcp-proxy npx -y @modelcontextprotocol/server-everything
  mcp-proxy --port 3000 --apiKey \"$KEY\" -- node server.js --verbose
  mcp-proxy --server stream --endpoint /tools --stateless -- uvx mcp-server-time
  MCP_PROXY_HOST=127.0.0.1 mcp-proxy python server.py
  mcp-proxy https://example.com/mcp --headerFile ~/.example-headers
  mcp-proxy https://example.com/mcp --port 8080 --apiKey \"$KEY\"";

/// The text of `--help`, as wide as the terminal.
pub(super) fn help() -> String {
    command(flags::ALL.iter().map(|flag| shown(*flag))).render_help().to_string()
}

/// Reads the flags of a command line that was cut.
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

/// No positional is declared, since the child's words are cut off before.
fn command(args: impl Iterator<Item = Arg>) -> Command {
    Command::new("mcp-proxy")
        .about(
            "Serve an MCP server that speaks stdio over Streamable HTTP and SSE, or a remote server \
             over stdio.",
        )
        .override_usage(USAGE)
        .help_template(TEMPLATE)
        .after_help(AFTER)
        .max_term_width(120)
        .no_binary_name(true)
        .args_override_self(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(args)
        .arg(plain("help", 'h', "Print this help"))
        .arg(plain("version", 'V', "Print the version"))
}

/// A flag as `--help` shows it.
fn shown(flag: &dyn Definition) -> Arg {
    let arg = Arg::new(flag.name())
        .long(flag.name())
        .help_heading(flag.section().heading())
        .help(description(flag));
    match flag.shape() {
        Shape::Switch => arg.action(ArgAction::SetTrue),
        Shape::Single | Shape::List => arg.value_name(flag.placeholder()),
    }
}

/// A flag with everything that may be typed for it: its other spelling, and `--no-x` for a switch.
fn readable(flag: &dyn Definition) -> Vec<Arg> {
    let arg = shown(flag).alias(kebab(flag.name())).value_parser(ValueParser::os_string());
    match flag.shape() {
        Shape::Single => vec![arg],
        Shape::List => vec![arg.action(ArgAction::Append)],
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

fn negated(name: &str) -> String {
    format!("no-{name}")
}

fn description(flag: &dyn Definition) -> String {
    let choices = match flag.choices() {
        none if none.is_empty() => String::new(),
        choices => format!(" [choices: {}]", choices.join(", ")),
    };
    let default = match flag.default_shown() {
        None => String::new(),
        Some(default) if flag.shape() == Shape::Switch => {
            format!(" [default: {default}; --{} turns it off]", negated(flag.name()))
        }
        Some(default) => format!(" [default: {default}]"),
    };
    format!("{}{choices}{default}", flag.help())
}

/// Says what clap found with the spellings that were typed and the names that are documented.
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

/// A word that is no flag; or the value of the flag before it, which its dash hides.
fn unknown(typed: &str, suggested: &str, words: &[OsString]) -> UsageError {
    let names: Vec<_> = words.iter().map(|word| name(&word.to_string_lossy())).collect();
    // Clap names a word with a single dash by its first letter.
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
