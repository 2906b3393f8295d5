//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::{bench::Effort, contestant::Contestant};

/// The arguments.
#[derive(Clone, Debug)]
pub(crate) struct Args {
    pub(crate) effort: Effort,
    pub(crate) rounds: usize,
    /// No measurement begins after this.
    pub(crate) limit: Duration,
    /// Names of modes; empty for all.
    pub(crate) modes: Vec<String>,
    pub(crate) contestants: Vec<Contestant>,
    pub(crate) install_crate: bool,
    pub(crate) ours: Option<PathBuf>,
    pub(crate) output: Option<PathBuf>,
    pub(crate) verbose: bool,
}

impl Args {
    pub(crate) fn parse() -> Self {
        Self::of(&command().get_matches())
    }

    fn of(matches: &ArgMatches) -> Self {
        let quick = matches.get_flag("quick");
        let choose = |quickly, thoroughly| if quick { quickly } else { thoroughly };
        let number = |name| matches.get_one::<u64>(name).copied();
        let span = number("millis").unwrap_or(choose(500, 1_000));
        let minutes = number("minutes").unwrap_or(choose(10, 30));
        let rounds = number("rounds").unwrap_or(choose(2, 5));
        Self {
            effort: Effort {
                warm_up: Duration::from_millis(span / 2),
                span: Duration::from_millis(span),
                sessions: usize::try_from(number("sessions").unwrap_or(1_000)).unwrap_or(1_000),
                starts: if quick { 1 } else { 3 },
            },
            rounds: usize::try_from(rounds).unwrap_or(1),
            limit: Duration::from_secs(minutes * 60),
            modes: list(matches, "modes"),
            contestants: chosen(&list(matches, "contestants")),
            install_crate: matches.get_flag("install-crate"),
            ours: matches.get_one("ours").cloned(),
            output: matches.get_one("output").cloned(),
            verbose: matches.get_flag("verbose"),
        }
    }
}

fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let number = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("N").value_parser(value_parser!(u64)).help(help)
    };
    let names = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("A,B").value_delimiter(',').help(help)
    };
    let path = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("PATH").value_parser(value_parser!(PathBuf)).help(help)
    };
    Command::new("mcp-proxy-bench")
        .about("Measures MCP proxies side by side and writes results.json, results.md, results.svg")
        .arg(flag("quick", "Less than ten minutes instead of half an hour"))
        .arg(number("rounds", "Rounds over all modes and contestants [2 quick, 5]"))
        .arg(number("millis", "Length of one measurement in ms [500 quick, 1000]"))
        .arg(number("minutes", "No measurement begins after so many minutes [10 quick, 30]"))
        .arg(number("sessions", "Sessions that the mode `sessions` holds [1000]"))
        .arg(names("modes", "Only these modes"))
        .arg(names("contestants", "Only these: bare, ours, npm, npm-v1, supergateway, pypi, crate"))
        .arg(flag(
            "install-crate",
            "Build the Rust crate mcp-proxy into bench/.cache, which takes minutes",
        ))
        .arg(path("ours", "Our command [addon and loader beside this program]"))
        .arg(path("output", "Where the results go [bench/]"))
        .arg(flag("verbose", "Show the contestants' stderr"))
}

fn list(matches: &ArgMatches, name: &str) -> Vec<String> {
    matches.get_many::<String>(name).into_iter().flatten().cloned().collect()
}

/// The yardstick is always included, because ratios refer to it.
fn chosen(names: &[String]) -> Vec<Contestant> {
    let wanted = |contestant: &Contestant| {
        names.is_empty()
            || *contestant == Contestant::Bare
            || names.iter().any(|name| name == contestant.name())
    };
    Contestant::ALL.into_iter().filter(wanted).collect()
}
