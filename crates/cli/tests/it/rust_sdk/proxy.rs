//! The proxy under test in front of a server whose pipes are recorded.
//!
//! The binary is this package's own unless `MCP_PROXY_BIN` names another command (words separated
//! by spaces). The servers come from `node_modules` of the repository.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    net::TcpListener,
    process::{Child, Command},
};

use crate::rust_sdk::journal::Journal;

pub(crate) struct Proxy {
    pub(crate) port: u16,
    /// `{"direction": "in" | "out", "message": …}` for every line on the server's pipes.
    pub(crate) tap: Journal,
    child: Child,
    stderr: Journal,
}

impl Proxy {
    /// Starts the proxy in front of a server of `@modelcontextprotocol`.
    pub(crate) async fn start(server: &str, words: &[&str]) -> Self {
        let (tap, tap_port) = listen_to_tap().await;
        let mut command = command();
        command
            .args(["--", "node"])
            .arg(repository().join("__test__/support/wiretap.mjs"))
            .arg(tap_port.to_string())
            .arg("node")
            .arg(server_script(server))
            .args(words);
        Self::run(command, tap).await
    }

    /// Starts the proxy in front of a remote server; nothing is recorded.
    pub(crate) async fn before(url: &str, flags: &[&str]) -> Self {
        let mut command = command();
        command.args(flags).arg(url);
        Self::run(command, Journal::new()).await
    }

    async fn run(mut command: Command, tap: Journal) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdout = record_lines(child.stdout.take().unwrap());
        let stderr = record_lines(child.stderr.take().unwrap());
        let line = stdout
            .first("the listening line", |line| text(line).contains("listening on http"))
            .await;
        let port = text(&line).rsplit(':').next().unwrap();
        let digits = port.split(|character: char| !character.is_ascii_digit()).next().unwrap();
        Self { port: digits.parse().unwrap(), tap, child, stderr }
    }

    /// Ends the proxy as an operator would and demands a clean exit.
    pub(crate) async fn stop(mut self) {
        let pid = self.child.id().unwrap().to_string();
        let killed = Command::new("kill").args(["-TERM", &pid]).status().await.unwrap();
        assert!(killed.success());
        let status = self.child.wait().await.unwrap();
        assert_eq!(status.code(), Some(0), "{status}; stderr: {:#?}", self.stderr.entries());
    }

    /// The first request of `method` that reached the server.
    pub(crate) async fn asked(&self, method: &str, matches: impl Fn(&Value) -> bool) -> Value {
        let incoming = |entry: &Value| {
            entry["direction"] == "in"
                && entry["message"]["method"] == method
                && matches(&entry["message"])
        };
        self.tap.first(method, incoming).await["message"].clone()
    }

    /// What the server answered, so far, to the request it knows by this id.
    pub(crate) fn answer(&self, id: &Value) -> Option<Value> {
        let entries = self.tap.entries();
        let mut outgoing = entries.into_iter().filter(|entry| entry["direction"] == "out");
        outgoing.find(|entry| entry["message"]["id"] == *id).map(|entry| entry["message"].clone())
    }
}

/// The proxy on a port of the system's choice.
fn command() -> Command {
    let binary =
        env::var("MCP_PROXY_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_mcp-proxy").to_owned());
    let mut words = binary.split(' ');
    let mut command = Command::new(words.next().unwrap());
    command.args(words).args(["--port", "0"]);
    command
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn server_script(server: &str) -> PathBuf {
    let script =
        repository().join("node_modules/@modelcontextprotocol").join(server).join("dist/index.js");
    assert!(
        script.is_file(),
        "{} is missing: run `npm install` in the repository first",
        script.display()
    );
    script
}

/// Accepts the wiretap's one connection and records what it reports.
async fn listen_to_tap() -> (Journal, u16) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let tap = Journal::new();
    let recorder = tap.clone();
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut lines = BufReader::new(socket).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            recorder.push(serde_json::from_str(&line).unwrap());
        }
    });
    (tap, port)
}

fn record_lines(stream: impl AsyncRead + Send + Unpin + 'static) -> Journal {
    let journal = Journal::new();
    let recorder = journal.clone();
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            recorder.push(json!(line));
        }
    });
    journal
}

fn text(line: &Value) -> &str {
    line.as_str().unwrap_or_default()
}
