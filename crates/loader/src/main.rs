//! The command in the npm packages, which contain the core only once: in the addon.
//!
//! It finds the addon, passes its arguments on and ends as the command does. Its own work is done
//! in well under a millisecond.

mod addon;
mod command;

use std::{
    env, fs,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

fn main() -> ExitCode {
    let ended = program().and_then(|program| {
        let addon = addon::find(&program).ok_or_else(|| addon::missing(&program))?;
        command::run(&addon, env::args_os().skip(1))
            .map_err(|cause| format!("cannot load {}: {cause}", addon.display()))
    });
    ended.map_or_else(|complaint| complain(&complaint), ExitCode::from)
}

/// This file, with its real name.
fn program() -> Result<PathBuf, String> {
    let program = env::current_exe();
    // On Windows the name by which it was started works, and better than a canonical one.
    let program = if cfg!(windows) { program } else { program.and_then(fs::canonicalize) };
    program.map_err(|error| format!("cannot tell where it is installed: {error}"))
}

fn complain(complaint: &str) -> ExitCode {
    // If nobody reads it, nobody can be told.
    drop(writeln!(io::stderr(), "mcp-proxy: {complaint}. Install the package mcp-proxy again"));
    ExitCode::FAILURE
}
