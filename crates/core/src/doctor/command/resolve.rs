//! Whether the command can be run: where it is, and whether it is a program.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use crate::{
    config::CommandConfig,
    doctor::{
        checks::words,
        codes::{
            COMMAND_NOT_FOUND, CONTAINER_DETACHED, NO_DIRECTORY, NO_INTERPRETER, NO_SCRIPT,
            NOT_EXECUTABLE, ONE_WORD, PLACEHOLDER, RELATIVE, SHIM, SPAWN_FAILED, WRONG_FORMAT,
        },
        report::Stage,
    },
    error::Error,
    upstream::find_program,
};

/// Folders in which version managers keep their shims.
const SHIMS: [&str; 8] = [
    ".nvm/",
    "fnm_multishells",
    ".volta/bin",
    ".asdf/shims",
    "mise/shims",
    ".pyenv/shims",
    ".rbenv/shims",
    ".nodenv/shims",
];

/// The error number of "exec format error".
const ENOEXEC: i32 = 8;

/// See the module.
pub(super) fn check(config: &CommandConfig, stage: &mut Stage) {
    let program = config.program.to_string_lossy().into_owned();
    let args: Vec<String> =
        config.args.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    if let Some(cwd) = config.cwd.as_ref().filter(|cwd| !cwd.is_dir()) {
        return stage.fail(NO_DIRECTORY, format!("{} is not a directory", cwd.display()));
    }
    placeholders(config, &args, stage);
    if config.shell {
        return stage.says("the system shell runs it");
    }
    if let Some(problem) = words::container(&program, &args) {
        stage.find(CONTAINER_DETACHED, "", problem);
    }
    let Some(found) = find_program(config) else {
        return not_found(config, &program, stage);
    };
    stage.says(found.display().to_string());
    let is_relative = program.contains(['/', '\\']) && Path::new(&program).is_relative();
    if is_relative {
        stage.find(RELATIVE, "", format!("{program} is {}", found.display()));
    }
    let place = found.to_string_lossy().replace('\\', "/");
    if SHIMS.iter().any(|shim| place.contains(shim)) {
        stage.find(SHIM, "", format!("{} is in the folder of a version manager", found.display()));
    }
    interpreter(config, &found, stage);
    if let Some(script) = words::script(&program, &args) {
        let directory = config.cwd.clone().or_else(|| env::current_dir().ok()).unwrap_or_default();
        let path = directory.join(script);
        if !path.exists() {
            stage.fail(NO_SCRIPT, format!("{} does not exist", path.display()));
        }
    }
}

fn placeholders(config: &CommandConfig, args: &[String], stage: &mut Stage) {
    let args = args.iter().filter(|word| !config.shell || !word.contains('$'));
    for name in args.filter_map(|word| words::placeholder(word)) {
        stage.find(PLACEHOLDER, "arguments", format!("{name} stands where its value should"));
    }
    for (variable, value) in &config.env {
        let value = value.to_string_lossy();
        if words::placeholder(&value).is_some() {
            // The value may also hold a secret.
            let variable = variable.to_string_lossy();
            stage.find(PLACEHOLDER, format!("variable {variable}"), "its value is a placeholder");
        }
    }
}

fn not_found(config: &CommandConfig, program: &str, stage: &mut Stage) {
    let directory = config.cwd.clone().unwrap_or_default();
    let path = directory.join(program);
    if program.trim().contains(char::is_whitespace) && !path.exists() {
        return stage.fail(ONE_WORD, format!("there is no program called {program:?}"));
    }
    let is_path = program.contains(['/', '\\']);
    if is_path && path.is_dir() {
        return stage.fail(NOT_EXECUTABLE, format!("{} is a directory", path.display()));
    }
    if is_path && path.is_file() {
        return stage.fail(NOT_EXECUTABLE, format!("{} may not be executed", path.display()));
    }
    if is_path {
        return stage.fail(COMMAND_NOT_FOUND, format!("{} does not exist", path.display()));
    }
    let variable = OsStr::new("PATH");
    let own = config.env.get(variable).cloned();
    let search: Option<OsString> =
        own.or_else(|| env::var_os(variable).filter(|_| config.inherit_env));
    let count = search.map(|search| env::split_paths(&search).count()).unwrap_or_default();
    stage.fail(COMMAND_NOT_FOUND, format!("{program} is in none of the {count} folders of PATH"));
}

/// Looks at the first line of a script.
fn interpreter(config: &CommandConfig, found: &Path, stage: &mut Stage) {
    let Some(line) = first_line(found) else { return };
    let ends_badly = line.ends_with('\r');
    let mut line_words = line.trim_start_matches("#!").split_whitespace();
    let Some(named) = line_words.next() else { return };
    let by_env = named.ends_with("/env");
    let asked = if by_env { line_words.find(|word| !word.starts_with('-')) } else { Some(named) };
    let Some(asked) = asked else { return };
    let wanted = CommandConfig { program: asked.into(), cwd: None, ..config.clone() };
    if ends_badly {
        stage.fail(
            NO_INTERPRETER,
            "its first line ends with a carriage return, which is part of the name",
        );
    } else if find_program(&wanted).is_none() {
        stage.fail(NO_INTERPRETER, format!("{} names {asked}", found.display()));
    }
}

/// The first line of a file that begins with `#!`.
fn first_line(path: &Path) -> Option<String> {
    if cfg!(windows) {
        return None;
    }
    let mut head = Vec::new();
    fs::File::open(path).ok()?.take(256).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    String::from_utf8(line.to_vec()).ok()
}

/// Why a command that was found could not be started.
pub(super) fn spawn_failed(config: &CommandConfig, error: &Error, stage: &mut Stage) {
    let Error::Spawn { source, .. } = error else {
        return stage.fail(SPAWN_FAILED, error.to_string());
    };
    let place = find_program(config).unwrap_or_else(|| PathBuf::from(&config.program));
    let place = place.display();
    match source.kind() {
        io::ErrorKind::PermissionDenied => {
            stage.fail(NOT_EXECUTABLE, format!("{place} may not be executed"));
        }
        io::ErrorKind::NotFound => stage.fail(NO_INTERPRETER, format!("{place} is there")),
        _ if source.raw_os_error() == Some(ENOEXEC) => {
            stage.fail(WRONG_FORMAT, format!("the system does not run {place}"));
        }
        _ => stage.fail(SPAWN_FAILED, source.to_string()),
    }
}
