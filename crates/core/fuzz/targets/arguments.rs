//! The command line; zeros separate words, and words with `=` before the first empty one are
//! variables. The command exports none of its modules, so they are included by path.
#![no_main]
#![allow(dead_code, unused_imports, unexpected_cfgs)]

#[path = "../../../cli/src/args/mod.rs"]
mod args;
#[path = "../../../cli/src/paint.rs"]
mod paint;
#[path = "../../../cli/src/plain.rs"]
mod plain;
#[path = "../../../cli/src/telemetry/mod.rs"]
mod telemetry;

use std::{ffi::OsString, os::unix::ffi::OsStrExt as _};

use args::{Environment, Invocation};

fn word(bytes: &[u8]) -> OsString {
    std::ffi::OsStr::from_bytes(bytes).to_owned()
}

fn check(bytes: &[u8]) {
    let words: Vec<&[u8]> = bytes.split(|&byte| byte == 0).collect();
    let empty = words.iter().position(|word| word.is_empty());
    let (variables, words) = empty.map_or((&[][..], &words[..]), |at| words.split_at(at));
    let variables = variables.iter().filter_map(|variable| {
        let equals = variable.iter().position(|&byte| byte == b'=')?;
        Some((word(&variable[..equals]), word(&variable[equals + 1..])))
    });
    let environment: Environment = variables.collect();
    let argv: Vec<OsString> = words.iter().copied().map(word).collect();
    let separator = argv.iter().position(|word| word == "--");
    if let Ok(Invocation::Serve(typed)) = args::parse(argv.clone(), &environment)
        && let Some(separator) = separator
        && separator + 1 < argv.len()
    {
        assert_eq!(typed.command, argv[separator + 1..]);
    }
}

// Not measured: what is built for every line is the definition of the flags.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check(bytes));
