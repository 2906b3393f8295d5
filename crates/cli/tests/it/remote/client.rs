//! The binary as a client over stdio sees it.

use std::{
    io::Write as _,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
};

use serde_json::Value;

use crate::support::{LATEST, Printed, initialize, wait_for};

/// A running proxy that serves stdio.
pub(crate) struct Client {
    process: Child,
    stdin: Option<ChildStdin>,
    stdout: Printed,
    pub(crate) stderr: Printed,
    read: usize,
}

pub(crate) const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

impl Client {
    /// The proxy before this server.
    pub(crate) fn of(url: &str) -> Self {
        Self::with(url, &[])
    }

    /// The same with further flags.
    pub(crate) fn with(url: &str, flags: &[&str]) -> Self {
        Self::among(url, flags, &[])
    }

    /// The same with these variables.
    pub(crate) fn among(url: &str, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut process = command()
            .envs(variables.iter().copied())
            .arg(url)
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stdout = Printed::follow(process.stdout.take().expect("stdout is piped"));
        let stderr = Printed::follow(process.stderr.take().expect("stderr is piped"));
        Self { stdin: process.stdin.take(), process, stdout, stderr, read: 0 }
    }

    /// The proxy after the handshake.
    pub(crate) fn greeted(url: &str, flags: &[&str]) -> Self {
        let mut client = Self::with(url, flags);
        let answer = client.ask(&initialize(LATEST));
        assert!(answer["result"].is_object(), "{answer}");
        client.send(INITIALIZED);
        client
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn send(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        stdin.write_all(format!("{line}\n").as_bytes()).expect("the proxy reads");
    }

    /// The next line.
    pub(crate) fn line(&mut self) -> String {
        self.read += 1;
        self.stdout.nth(self.read - 1).unwrap_or_else(|| {
            panic!("the proxy said nothing more; stderr:\n{}", self.stderr.so_far())
        })
    }

    pub(crate) fn message(&mut self) -> Value {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Sends a request and takes the next message as its answer.
    pub(crate) fn ask_line(&mut self, line: &str) -> String {
        self.send(line);
        self.line()
    }

    /// The same, as a value.
    pub(crate) fn ask(&mut self, line: &str) -> Value {
        self.send(line);
        self.message()
    }

    /// Closes stdin.
    pub(crate) fn close(&mut self) {
        self.stdin = None;
    }

    /// Waits until the process has ended by itself.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        wait_for("the proxy has ended", || self.process.try_wait().expect("a process"))
    }

    /// Closes stdin and waits for the end.
    pub(crate) fn finish(mut self) -> (ExitStatus, String) {
        self.close();
        let status = self.ended();
        (status, self.stderr.all())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It has ended already, or cannot be used any more: in both cases nothing is left to do.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The binary without arguments; it uses only the given proxy, and never signs in.
pub(crate) fn command() -> Command {
    let binary = std::env::var_os("MCP_PROXY_BIN")
        .map_or_else(|| env!("CARGO_BIN_EXE_mcp-proxy").into(), std::path::PathBuf::from);
    let mut command = Command::new(binary);
    command.env("MCP_PROXY_OAUTH", "false");
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_ascii_lowercase());
    }
    command
}

/// A call of a tool.
pub(crate) fn call(id: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"x"}}}}"#)
}
