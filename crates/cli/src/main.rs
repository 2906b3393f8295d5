#![forbid(unsafe_code)]
//! The `mcp-proxy` command: reads the command line, installs the log and runs the core's proxy.

mod announce;
mod args;
mod console;
mod guard;
mod options;
mod paint;
mod run;
mod signal;
mod telemetry;

use std::{env, process::ExitCode};

use mcp_proxy_core::Guard;

use args::{Environment, Invocation, UsageError};
use options::Options;

fn main() -> ExitCode {
    if env::args_os().skip(1).eq([Guard::ARGUMENT]) {
        return guard::run();
    }
    match invocation() {
        Ok(Wanted::Text(text)) => {
            console::print(&text);
            ExitCode::SUCCESS
        }
        Ok(Wanted::Proxy(options)) => {
            let _installed = telemetry::install(options.logging);
            run::run(*options)
        }
        Err(error) => {
            console::complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// What the command line asks for, checked.
enum Wanted {
    Text(String),
    Proxy(Box<Options>),
}

fn invocation() -> Result<Wanted, UsageError> {
    let environment: Environment = env::vars_os().collect();
    match args::parse(env::args_os().skip(1).collect(), &environment)? {
        Invocation::Print(text) => Ok(Wanted::Text(text)),
        Invocation::Serve(typed) => Ok(Wanted::Proxy(Box::new(Options::try_from(typed)?))),
    }
}
