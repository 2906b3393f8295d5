//! Files of `--config` in a folder of their own, and the executable that reads them.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// A folder that is the home of whoever runs the executable.
#[derive(Debug)]
pub(super) struct Folder(TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and the folders that it is in.
    pub(super) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(&path, bytes).expect("a file");
        path
    }

    /// The executable in this folder, with none of the variables that mean something to it.
    pub(super) fn command(&self, line: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-proxy"));
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().to_uppercase().starts_with("MCP_PROXY") {
                command.env_remove(name);
            }
        }
        for name in ["XDG_CONFIG_HOME", "CODEX_HOME", "NO_SUCH_VARIABLE"] {
            command.env_remove(name);
        }
        command
            .args(line)
            .current_dir(self.0.path())
            .env("HOME", self.0.path())
            .env("TOKEN", "s3cr3t")
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(super) fn run(&self, line: &[&str]) -> Ended {
        self.command(line).output().expect("the binary runs").into()
    }
}

/// What the executable has said.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is text");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}
