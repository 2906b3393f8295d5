//! Requests, written once and stamped with a new id for every call. The text that is echoed
//! begins with the id, so an answer that belongs to another call cannot pass for the right one.

use std::{fmt::Write, net::SocketAddr};

use memchr::memmem;

/// Ids have nine digits, so a stamp never moves a byte.
const BLANK: &str = "#########";

/// The 2025-era revision asked for.
pub(crate) const LEGACY_VERSION: &str = "2025-11-25";
const MODERN_VERSION: &str = "2026-07-28";
const MODERN_META: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"},"io.modelcontextprotocol/clientCapabilities":{}"#;

/// How a client and a proxy speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Streamable HTTP with a session.
    Streamable,
    /// Streamable HTTP, every POST on its own.
    Stateless,
    /// The 2026-07-28 revision.
    Modern,
    /// HTTP+SSE of 2024-11-05.
    Sse,
}

/// Where a contestant listens and how it spells the server's tools.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) addr: SocketAddr,
    pub(crate) stream_path: &'static str,
    pub(crate) sse_path: &'static str,
    pub(crate) tool_prefix: &'static str,
}

/// A tool call.
#[derive(Clone, Debug)]
pub(crate) enum Tool {
    /// Echoes a text of this many bytes.
    Echo(usize),
    /// Returns this many bytes.
    Blob(usize),
    /// Sends so many notifications, then answers.
    Progress(u64),
    /// Sends notifications of `bytes` each over `millis`, then answers.
    Drip { count: u64, bytes: usize, millis: u128 },
}

impl Tool {
    fn name(&self) -> &'static str {
        match self {
            Self::Echo(_) => "echo",
            Self::Blob(_) => "blob",
            Self::Progress(_) => "progress",
            Self::Drip { .. } => "drip",
        }
    }

    fn arguments(&self) -> String {
        match self {
            Self::Echo(bytes) => format!(r#"{{"text":"{}"}}"#, echo_text(*bytes)),
            Self::Blob(bytes) => format!(r#"{{"bytes":{bytes}}}"#),
            Self::Progress(count) => format!(r#"{{"count":{count}}}"#),
            Self::Drip { count, bytes, millis } => {
                format!(r#"{{"count":{count},"bytes":{bytes},"millis":{millis}}}"#)
            }
        }
    }

    fn wants_progress(&self) -> bool {
        matches!(self, Self::Progress(_) | Self::Drip { .. })
    }

    /// The text of the answer, with the id blank.
    fn answer(&self) -> String {
        match self {
            Self::Echo(bytes) => echo_text(*bytes),
            Self::Blob(bytes) => "x".repeat(*bytes),
            Self::Progress(_) | Self::Drip { .. } => "done".to_owned(),
        }
    }
}

fn echo_text(bytes: usize) -> String {
    let letters = "the quick brown fox jumps over the lazy dog ".chars().cycle();
    BLANK.chars().chain(letters).take(bytes.max(BLANK.len())).collect()
}

/// A request whose id changes in place.
#[derive(Debug)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    blanks: Vec<usize>,
    answer: Vec<u8>,
    answer_blank: Option<usize>,
}

impl Template {
    /// A `tools/call` to `path` with the headers of a session.
    pub(crate) fn call(target: &Target, dialect: Dialect, session: &Route, tool: &Tool) -> Self {
        let name = format!("{}{}", target.tool_prefix, tool.name());
        let mut headers = session.headers.clone();
        if dialect == Dialect::Modern {
            // Writing into a String cannot fail.
            let _written = write!(
                headers,
                "mcp-protocol-version: {MODERN_VERSION}\r\nmcp-method: tools/call\r\nmcp-name: {name}\r\n"
            );
        }
        let body = call(&name, dialect, tool);
        Self::new(post(target, &session.path, &headers, &body), tool)
    }

    /// A `tools/call` as a line.
    pub(crate) fn line(tool: &Tool) -> Self {
        let line = call(tool.name(), Dialect::Streamable, tool) + "\n";
        Self::new(line.into_bytes(), tool)
    }

    fn new(bytes: Vec<u8>, tool: &Tool) -> Self {
        let blanks = memmem::find_iter(&bytes, BLANK).collect();
        let answer = tool.answer().into_bytes();
        let answer_blank = memmem::find(&answer, BLANK.as_bytes());
        Self { bytes, blanks, answer, answer_blank }
    }

    /// Writes `id` wherever it belongs; it has nine digits.
    pub(crate) fn stamp(&mut self, id: u64) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(id).as_bytes();
        for &at in &self.blanks {
            self.bytes[at..at + BLANK.len()].copy_from_slice(digits);
        }
        if let Some(at) = self.answer_blank {
            self.answer[at..at + BLANK.len()].copy_from_slice(digits);
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The text that the answer has to carry.
    pub(crate) fn answer(&self) -> &[u8] {
        &self.answer
    }
}

fn call(name: &str, dialect: Dialect, tool: &Tool) -> String {
    let mut meta = Vec::new();
    if dialect == Dialect::Modern {
        meta.push(MODERN_META.to_owned());
    }
    if tool.wants_progress() {
        meta.push(format!(r#""progressToken":{BLANK}"#));
    }
    let meta =
        if meta.is_empty() { String::new() } else { format!(r#","_meta":{{{}}}"#, meta.join(",")) };
    let arguments = tool.arguments();
    format!(
        r#"{{"jsonrpc":"2.0","id":{BLANK},"method":"tools/call","params":{{"name":"{name}","arguments":{arguments}{meta}}}}}"#
    )
}

/// Where a session's messages go, and with which headers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Route {
    pub(crate) path: String,
    pub(crate) headers: String,
}

/// The body of an `initialize`.
pub(crate) fn initialize(id: u64) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"initialize","params":{{"protocolVersion":"{LEGACY_VERSION}","capabilities":{{}},"clientInfo":{{"name":"bench","version":"1.0.0"}}}}}}"#
    )
}

/// The body of a call of a tool without arguments.
pub(crate) fn question(id: u64, tool: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{{}}}}}}"#
    )
}

/// The body of a `tools/list`.
pub(crate) fn list(id: u64) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list"}}"#)
}

/// The body that follows an `initialize`.
pub(crate) const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

pub(crate) fn post(target: &Target, path: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\n{headers}content-length: {}\r\n\r\n{body}",
        target.addr,
        body.len()
    )
    .into_bytes()
}

pub(crate) fn get_events(target: &Target, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: {}\r\naccept: text/event-stream\r\n\r\n", target.addr)
        .into_bytes()
}

pub(crate) fn delete(target: &Target, route: &Route) -> Vec<u8> {
    format!(
        "DELETE {} HTTP/1.1\r\nhost: {}\r\n{}content-length: 0\r\n\r\n",
        route.path, target.addr, route.headers
    )
    .into_bytes()
}
