#![forbid(unsafe_code)]
//! The `mcp-proxy` command: reads the command line, installs the log and runs the core's proxy.
//!
//! A library, because it is used twice: in the executable `mcp-proxy`, and in the addon, from which
//! a loader runs it in the npm packages.

mod announce;
mod args;
mod calling;
mod console;
mod embedded;
mod ending;
mod errand;
mod examining;
mod fleet;
mod guard;
mod options;
mod paint;
mod plain;
mod reached;
mod replaying;
mod run;
mod signal;
mod telemetry;
mod watch;

use std::{env, ffi::OsString};

use mcp_proxy_core::Guard;

pub use embedded::Servers;
pub use ending::Ending;

use args::{Environment, Invocation, UsageError};
use options::{Errand, FleetOptions, Options};

/// Runs the command to its end; `words` are its arguments without the program's own name.
pub fn run(words: Vec<OsString>) -> Ending {
    if words == [Guard::ARGUMENT] {
        return guard::run();
    }
    match invocation(words) {
        Ok(Wanted::Text(text)) => {
            console::print(&text);
            Ending::Success
        }
        Ok(Wanted::Errand(errand)) => {
            let _installed = telemetry::install(errand.logging());
            errand::run(*errand)
        }
        Ok(Wanted::Fleet(options)) => {
            let installed = telemetry::install(options.reading.process.logging);
            fleet::run(*options, &installed)
        }
        Ok(Wanted::Proxy(options)) => {
            let installed = telemetry::install(options.logging);
            run::run(*options, &installed)
        }
        Err(error) => {
            console::complain(&error.to_string());
            Ending::Failure
        }
    }
}

/// What the command line asks for, after all checks.
enum Wanted {
    Text(String),
    Proxy(Box<Options>),
    Fleet(Box<FleetOptions>),
    Errand(Box<Errand>),
}

fn invocation(words: Vec<OsString>) -> Result<Wanted, UsageError> {
    let environment: Environment = env::vars_os().collect();
    match args::parse(words, &environment)? {
        Invocation::Print(text) => Ok(Wanted::Text(text)),
        Invocation::Serve(typed) => Ok(match Errand::of(&typed)? {
            Some(errand) => Wanted::Errand(Box::new(errand)),
            None => match FleetOptions::of(typed)? {
                Ok(fleet) => Wanted::Fleet(Box::new(fleet)),
                Err(typed) => Wanted::Proxy(Box::new(Options::try_from(typed)?)),
            },
        }),
    }
}
