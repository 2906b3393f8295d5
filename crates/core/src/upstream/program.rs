//! Finds the program of a command.
//!
//! Windows looks only for `name.exe`, so `npx`, which is `npx.cmd` there, would not be found
//! without a shell. The proxy therefore searches itself, with `PATH` and `PATHEXT`; the standard
//! library quotes the arguments if it finds a batch file.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    path::PathBuf,
};

use crate::{config::CommandConfig, error::Error};

/// The file that would be run; `None` if there is none, or if only the system can tell.
pub(crate) fn find(config: &CommandConfig) -> Option<PathBuf> {
    let directory = config.cwd.clone().map_or_else(env::current_dir, Ok).ok()?;
    which::which_in(&config.program, search_path(config), directory).ok()
}

/// Fails if it is certain that the command cannot be run.
pub(super) fn check(config: &CommandConfig) -> Result<(), Error> {
    let named = config.shell || search_path(config).is_none() || find(config).is_some();
    if named {
        return Ok(());
    }
    let command = config.program.to_string_lossy().into_owned();
    Err(Error::Spawn { command, source: io::ErrorKind::NotFound.into() })
}

/// A hint for a program that writes nothing: Python buffers its output to a pipe unless told
/// otherwise.
pub(super) fn buffering_hint(config: &CommandConfig) -> Option<&'static str> {
    let first = config.program.to_string_lossy();
    let words: Vec<_> = first
        .split_whitespace()
        .map(Into::into)
        .chain(config.args.iter().map(|word| word.to_string_lossy()))
        .collect();
    let unbuffered = words.iter().any(|word| word == "-u")
        || config
            .env
            .get(OsStr::new(UNBUFFERED))
            .cloned()
            .or_else(|| env::var_os(UNBUFFERED).filter(|_| config.inherit_env))
            .is_some_and(|value| !value.is_empty());
    (!unbuffered && words.iter().any(|word| is_python(word))).then_some(
        "Python buffers what it writes to a pipe: run it as \"python -u\" or set \
         PYTHONUNBUFFERED=1 (--env PYTHONUNBUFFERED=1)",
    )
}

const UNBUFFERED: &str = "PYTHONUNBUFFERED";

/// Whether a word of a command is Python, or starts it.
fn is_python(word: &str) -> bool {
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word).to_ascii_lowercase();
    let stem = name.strip_suffix(".exe").unwrap_or(&name);
    let version = stem.strip_prefix("pythonw").or_else(|| stem.strip_prefix("python"));
    let is_version = |rest: &str| rest.chars().all(|c| c.is_ascii_digit() || c == '.');
    version.is_some_and(is_version)
        || matches!(stem, "py" | "pypy" | "pypy3" | "uv" | "uvx" | "pipx")
        || name.strip_suffix(".py").is_some_and(|rest| !rest.is_empty())
}

/// The child's `PATH`; without one the system uses its default.
fn search_path(config: &CommandConfig) -> Option<OsString> {
    let is_path = |name: &OsString| {
        if cfg!(windows) { name.eq_ignore_ascii_case("PATH") } else { name == "PATH" }
    };
    let own = config.env.iter().find(|(name, _)| is_path(name)).map(|(_, value)| value.clone());
    own.or_else(|| env::var_os("PATH").filter(|_| config.inherit_env))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_by_the_path_of_the_child() {
        let directory = tempfile::tempdir().unwrap();
        let name = format!("program-of-a-test{}", env::consts::EXE_SUFFIX);
        let file = directory.path().join(&name);
        std::fs::copy(env::current_exe().unwrap(), &file).unwrap();
        let mut config = CommandConfig::new("program-of-a-test");
        assert!(check(&config).is_err());
        config.env.insert("PATH".into(), directory.path().into());
        assert_eq!(find(&config), Some(file));
        assert!(check(&config).is_ok());
    }

    #[test]
    fn a_path_is_looked_up_from_the_directory_of_the_child() {
        let directory = tempfile::tempdir().unwrap();
        let name = format!("here{}", env::consts::EXE_SUFFIX);
        std::fs::copy(env::current_exe().unwrap(), directory.path().join(&name)).unwrap();
        let mut config = CommandConfig::new(format!(".{}{name}", std::path::MAIN_SEPARATOR));
        assert!(check(&config).is_err());
        config.cwd = Some(directory.path().into());
        assert!(check(&config).is_ok());
    }

    #[test]
    fn python_that_holds_its_output_back_is_known() {
        let hinted = |program: &str, args: &[&str]| {
            let mut config = CommandConfig::new(program);
            config.args = args.iter().map(Into::into).collect();
            config.inherit_env = false;
            buffering_hint(&config).is_some()
        };
        for (program, args) in [
            ("python", &["server.py"][..]),
            ("python3", &["-m", "server"]),
            ("python3.12", &[]),
            ("/usr/bin/python3", &["x"]),
            ("C:\\Python\\python.exe", &["x"]),
            ("pythonw", &[]),
            ("uv", &["run", "server"]),
            ("uvx", &["mcp-server-time"]),
            ("env", &["python", "x"]),
            ("./server.py", &[]),
            ("python server.py --flag", &[]),
        ] {
            assert!(hinted(program, args), "{program} {args:?}");
        }
        for (program, args) in [
            ("node", &["server.js"][..]),
            ("pythonic", &[]),
            ("python", &["-u", "server.py"]),
            ("npx", &["-y", "server"]),
            (".py", &[]),
            ("", &[]),
        ] {
            assert!(!hinted(program, args), "{program} {args:?}");
        }
        let mut config = CommandConfig::new("python");
        config.env.insert("PYTHONUNBUFFERED".into(), "1".into());
        assert_eq!(buffering_hint(&config), None);
    }

    #[test]
    fn a_command_line_is_the_business_of_the_shell() {
        let mut config = CommandConfig::new("no-such-program --flag");
        assert!(check(&config).is_err());
        config.shell = true;
        assert!(check(&config).is_ok());
    }
}
