//! A child process: what is run, where, and with which variables.

use std::{collections::BTreeMap, ffi::OsString, fmt, path::PathBuf};

use super::DEFAULT_MAX_LINE_SIZE;

/// What happens to a child's standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildStderr {
    /// Passed byte for byte to the proxy's own.
    #[default]
    PassThrough,
    /// Each line becomes an event of the target [`SERVER`](crate::telemetry::SERVER).
    Events,
}

/// How a child process is started.
#[derive(Clone, PartialEq)]
pub struct CommandConfig {
    /// The server's name in messages, by default that of its program. If a name is set, lines that
    /// it writes to its standard error carry it, too.
    pub name: Option<String>,
    /// Program, looked up in `PATH`; with `shell`, the first word of the command line.
    pub program: OsString,
    /// Its arguments, passed byte for byte.
    pub args: Vec<OsString>,
    /// Join program and arguments with spaces, unquoted, and let the system shell run them.
    pub shell: bool,
    /// Working directory, the proxy's own by default.
    pub cwd: Option<PathBuf>,
    /// Variables set for the child on top of what it inherits.
    pub env: BTreeMap<OsString, OsString>,
    /// Pass the proxy's own environment to the child. On by default.
    pub inherit_env: bool,
    /// Longest line accepted from it in bytes, 20 MiB by default.
    pub max_line_size: usize,
    /// What happens to its standard error, passed through by default.
    pub stderr: ChildStderr,
}

/// Values of variables may be secrets, so only names are shown.
impl fmt::Debug for CommandConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandConfig")
            .field("name", &self.name)
            .field("program", &self.program)
            .field("args", &self.args)
            .field("shell", &self.shell)
            .field("cwd", &self.cwd)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("inherit_env", &self.inherit_env)
            .field("max_line_size", &self.max_line_size)
            .field("stderr", &self.stderr)
            .finish()
    }
}

impl CommandConfig {
    /// The defaults, for this program.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            name: None,
            program: program.into(),
            args: Vec::new(),
            shell: false,
            cwd: None,
            env: BTreeMap::new(),
            inherit_env: true,
            max_line_size: DEFAULT_MAX_LINE_SIZE,
            stderr: ChildStderr::default(),
        }
    }
}
