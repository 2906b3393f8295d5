//! Files for `--config` in a folder of their own, and the executable that reads them.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{LATEST, Launch, Proxy, Request, Response, call, fixture, initialize};

/// A folder that is the home of the user who runs the executable.
#[derive(Debug)]
pub(super) struct Folder(TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and creates its folders.
    pub(super) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(&path, bytes).expect("a file");
        path
    }

    /// The executable in this folder, without variables that affect it.
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

/// What the executable has printed.
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

/// The proxy with this file; it runs in the file's folder.
pub(super) fn serve(folder: &Folder, line: &[&str]) -> Proxy {
    Launch::without_child(folder.command(line)).start()
}

/// A server entry for the fixture in this mode, with these further members.
pub(super) fn entry(name: &str, mode: &str, members: &str) -> String {
    let fixture = fixture().display().to_string();
    let args: Vec<&str> = mode.split_whitespace().collect();
    let entry = json!({ "command": fixture, "args": args }).to_string();
    let added = if members.is_empty() { String::new() } else { format!(", {members}") };
    format!("\"{name}\": {}{added} }}", entry.trim_end_matches('}'))
}

/// A file with these servers, and with this block at its top.
pub(super) fn file(servers: &[String], top: &str) -> String {
    let top = if top.is_empty() { String::new() } else { format!(",\n\"mcp-proxy\": {top}") };
    format!("{{ \"mcpServers\": {{\n{}\n}}{top} }}", servers.join(",\n"))
}

/// A session at a server's own endpoint.
#[derive(Debug)]
pub(super) struct At {
    path: String,
    id: String,
}

impl At {
    pub(super) fn open(proxy: &Proxy, path: &str) -> Self {
        let response = proxy.send(&request(path, initialize(LATEST)));
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        let id = response.header("mcp-session-id").expect("a session id").to_owned();
        let at = Self { path: path.to_owned(), id };
        let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        assert_eq!(at.post(proxy, initialized).status, 202);
        at
    }

    pub(super) fn post(&self, proxy: &Proxy, body: &str) -> Response {
        proxy.send(&self.request(body))
    }

    /// The same with this key.
    pub(super) fn post_with(&self, proxy: &Proxy, body: &str, key: &str) -> Response {
        proxy.send(&self.request(body).header("X-API-Key", key))
    }

    pub(super) fn request(&self, body: &str) -> Request {
        request(&self.path, body).session(&self.id)
    }

    /// The answer to this request.
    pub(super) fn ask(&self, proxy: &Proxy, method: &str, params: &Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 9, "method": method, "params": params });
        serde_json::from_str(&self.post(proxy, &body.to_string()).message()).expect("JSON")
    }

    /// The names of all tools, page by page.
    pub(super) fn all_tools(&self, proxy: &Proxy) -> Vec<Vec<String>> {
        let (mut pages, mut params) = (Vec::new(), json!({}));
        loop {
            let result = self.ask(proxy, "tools/list", &params)["result"].take();
            let tools = result["tools"].as_array().expect("tools");
            let name = |tool: &Value| tool["name"].as_str().expect("a name").to_owned();
            pages.push(tools.iter().map(name).collect());
            let Some(cursor) = result["nextCursor"].as_str() else { return pages };
            params = json!({ "cursor": cursor });
        }
    }

    /// The names of the tools that are listed.
    pub(super) fn tools(&self, proxy: &Proxy) -> Vec<String> {
        let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        let answer: Value = serde_json::from_str(&self.post(proxy, list).message()).expect("JSON");
        let tools = answer["result"]["tools"].as_array().expect("tools");
        tools.iter().filter_map(|tool| Some(tool["name"].as_str()?.to_owned())).collect()
    }

    /// The text that a tool answers with.
    pub(super) fn call(&self, proxy: &Proxy, tool: &str, arguments: &str) -> String {
        let answer = self.post(proxy, &call("7", tool, arguments)).message();
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let text = answer["result"]["content"][0]["text"].as_str();
        text.unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

pub(super) fn request(path: &str, body: impl Into<Vec<u8>>) -> Request {
    Request::post(path, body).header("Accept", "application/json, text/event-stream")
}
